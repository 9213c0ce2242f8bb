import { orAborted } from './or-aborted.ts'

/**
 * Returns the outcome of the work, if it comes in time. Not every platform has `AbortSignal.timeout`, and some work ignores its
 * signal.
 *
 * @throws TimedOut after the time. The signal of the work is then aborted.
 */
export async function within<T>(milliseconds: number, work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
  const controller = new AbortController()
  const { signal } = controller
  const timer = setTimeout(() => controller.abort(), milliseconds)
  try {
    return await orAborted(Promise.resolve(work(signal)), signal)
  } catch (error) {
    throw signal.aborted ? new TimedOut() : error
  } finally {
    clearTimeout(timer)
  }
}

export class TimedOut extends Error {}
