import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Throws, with one line, if the port is still taken after that time. */
export async function untilFree(port: number, setting: string, patienceMs: number): Promise<void> {
  const deadline = Date.now() + patienceMs
  while (!(await isFree(port))) {
    if (Date.now() >= deadline) throw new Error(`port ${port} is taken: stop what listens there, or set ${setting}`)
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
