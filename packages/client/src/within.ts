/**
 * Returns the outcome of the work, if it comes in time. Not every platform has `AbortSignal.timeout`, and some work ignores its
 * signal.
 *
 * @throws TimedOut after the time. The signal of the work is then aborted.
 */
export async function within<T>(milliseconds: number, work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
  const controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new TimedOut())
      controller.abort()
    }, milliseconds)
  })
  try {
    return await Promise.race([work(controller.signal), late])
  } finally {
    clearTimeout(timer)
  }
}

export class TimedOut extends Error {}
