import type { Locks } from './runtime.ts'

/** A tab that was frozen with the lock in its hands keeps the others waiting for this long, and no longer. */
const LOCK_WAIT_MS = 5_000

/**
 * Does the work under a lock that those who share a store have in common, or without it where there is none or it is not
 * to be had in time. The lock spares requests; what keeps the session whole is that the server answers a repeated token
 * with the same successor.
 */
export async function withLock<T>(
  locks: Locks | undefined,
  name: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (locks === undefined || name === undefined) return work()
  let begun: Promise<T> | undefined
  try {
    // Once the lock is granted, the signal means nothing any more.
    return await locks.request(name, { signal: AbortSignal.timeout(LOCK_WAIT_MS) }, () => (begun = work()))
  } catch {
    // What the work threw, it throws here again. Else there was no lock: not in time, or not in this context.
    return begun ?? work()
  }
}
