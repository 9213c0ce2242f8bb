import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until the port is free. Throws, with one line, if it is still taken after `patienceMs`. */
export async function untilFree(port: number, setting: string, patienceMs: number): Promise<void> {
  const deadline = Date.now() + patienceMs
  while (!(await isFree(port))) {
    if (Date.now() >= deadline)
      throw new Error(`port ${port} is taken. Stop the program that listens there, or set ${setting}`)
    await sleep(100)
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
