/**
 * The outcome of this work, if there is one in time. `AbortSignal.timeout` would be shorter, but not every platform has it, and
 * not everything that is given a signal heeds it.
 *
 * @throws TimedOut when the time is over; the signal that the work was given is then aborted.
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
