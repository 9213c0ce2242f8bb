import { orAborted } from './or-aborted.ts'

/**
 * Returns the outcome of the work, if it comes in time. Not every platform has `AbortSignal.timeout`, and some work ignores its
 * signal.
 *
 * @param late is returned after the time, when the signal of the work is aborted. Without it, `within` then rejects.
 */
export async function within<T>(
  milliseconds: number,
  work: (signal: AbortSignal) => T | Promise<T>,
  late?: T,
): Promise<T> {
  const controller = new AbortController()
  const { signal } = controller
  const timer = setTimeout(() => controller.abort(), milliseconds)
  try {
    return await orAborted(Promise.resolve(work(signal)), signal)
  } catch (error) {
    if (signal.aborted && late) return late
    throw error
  } finally {
    clearTimeout(timer)
  }
}
