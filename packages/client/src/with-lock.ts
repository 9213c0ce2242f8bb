import type { Locks } from './runtime.ts'
import { within } from './within.ts'

/** A frozen tab that holds the lock blocks the others for this long at most. */
const LOCK_WAIT_MS = 5_000

/**
 * Does the work under a lock that the sharers of a store have in common. If there is no lock, or it takes too long, the work
 * begins without it.
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
          // If the lock comes too late, the work has begun without it.
          return begin()
        }
        locks.request(name, { signal }, hold).catch(refused)
      })
    })
  } catch {
    // The lock came too late or does not exist in this context.
  }
  return begin()
}
