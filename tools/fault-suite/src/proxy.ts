import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const HOST = '127.0.0.1'

interface Link {
  near: Socket
  far: Socket
  /** Settles when all data that the far side has sent so far was passed on. It keeps the order of a delayed stream. */
  passed: Promise<void>
}

export interface Proxy {
  readonly port: number
  /** Closes all connections, and new ones at once. */
  cut(): void
  /** Stops all traffic without closing connections. Data that is sent meanwhile arrives after `heal`. */
  hold(): void
  /** Delays all data from the far side, in milliseconds. */
  delay(ms: number): void
  /** Closes all connections once. New ones work. */
  reset(): void
  /** Drops the next data from the far side, on any connection, and closes that connection. */
  loseReply(): void
  /** Directs new connections to another port. */
  aim(port: number): void
  /** Passes everything on again. */
  heal(): void
  close(): Promise<void>
}

/** A TCP proxy between two processes on this machine that simulates network faults. */
export async function startProxy(port: number): Promise<Proxy> {
  let farPort = port
  const links = new Set<Link>()
  let mode: 'pass' | 'cut' | 'hold' = 'pass'
  let delayMs = 0
  let losesNext = false

  const end = ({ near, far }: Link) => {
    near.destroy()
    far.destroy()
  }
  const server = createServer((near) => {
    if (mode === 'cut') return void near.destroy()
    const link: Link = { near, far: connect(farPort, HOST), passed: Promise.resolve() }
    links.add(link)
    const { far } = link
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      socket.on('error', () => end(link))
      socket.on('close', () => {
        links.delete(link)
        end(link)
      })
    }
    near.on('data', (data) => far.write(data))
    far.on('data', (data) => {
      if (losesNext) {
        losesNext = false
        return end(link)
      }
      link.passed = passOn(link, data, delayMs > 0 ? sleep(delayMs) : null)
    })
    if (mode === 'hold') hold(link)
  })
  const hold = ({ near, far }: Link) => {
    near.pause()
    far.pause()
  }
  server.listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a proxy has no port')

  const endAll = () => {
    for (const link of links) end(link)
  }
  return {
    port: address.port,
    cut() {
      mode = 'cut'
      endAll()
    },
    hold() {
      mode = 'hold'
      for (const link of links) hold(link)
    },
    delay: (ms) => void (delayMs = ms),
    reset: endAll,
    loseReply: () => void (losesNext = true),
    aim: (to) => void (farPort = to),
    heal() {
      mode = 'pass'
      delayMs = 0
      losesNext = false
      for (const { near, far } of links) {
        near.resume()
        far.resume()
      }
    },
    async close() {
      endAll()
      server.close()
      await once(server, 'close')
    },
  }
}

async function passOn({ near, passed }: Link, data: Buffer | string, late: Promise<void> | null): Promise<void> {
  await passed
  await late
  near.write(data)
}
