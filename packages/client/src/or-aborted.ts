/** Rejects for one caller when its signal is aborted. The work goes on for the others. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason as Error)
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
    const done = () => signal.removeEventListener('abort', leave)
    work.then(resolve, reject).finally(done)
  })
}
