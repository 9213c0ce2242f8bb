import type { Locks } from './runtime.ts'
import { within } from './within.ts'

/** A tab that was frozen with the lock in its hands keeps the others waiting for this long, and no longer. */
const LOCK_WAIT_MS = 5_000

/**
 * Does the work under a lock that those who share a store have in common, or without it where there is none or it is not
 * to be had in time.
 */
export async function withLock<T>(
  locks: Locks | undefined,
  name: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (locks === undefined || name === undefined) return work()
  let begun: Promise<T> | undefined
  const begin = () => (begun ??= work())
  try {
    await within(LOCK_WAIT_MS, (signal) => {
      return new Promise<void>((granted, refused) => {
        const hold = () => {
          granted()
          // Where it comes too late, the work has begun without it.
          return begin()
        }
        locks.request(name, { signal }, hold).catch(refused)
      })
    })
  } catch {
    // There was no lock: not in time, or not in this context.
  }
  return begin()
}
