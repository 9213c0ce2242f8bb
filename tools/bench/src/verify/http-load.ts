import { type Socket, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LoadShape {
  connections: number
  /** Requests in flight per connection. */
  pipelining: number
}

/** The bytes of a GET request with this token. */
export const requestWith = (token: string, path = '/me') =>
  Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`, 'latin1')

/**
 * Sends `count` requests and returns the seconds until all were answered. It knows just enough HTTP/1.1 to count answers: a full
 * client would be busier than the servers.
 * @throws if an answer has another status than `status`.
 */
export async function load(
  port: number,
  requests: Iterator<Buffer>,
  count: number,
  status: number,
  { connections, pipelining }: LoadShape,
): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: connections }, async () => open(port)))
  let left = count
  const began = performance.now()
  await Promise.all(
    sockets.map(
      async (socket) =>
        new Promise<void>((resolve, reject) => {
          let waiting = 0
          const send = (most: number) => {
            const batch = Array.from({ length: Math.min(most, left) }, () => requests.next().value as Buffer)
            left -= batch.length
            waiting += batch.length
            if (batch.length > 0) socket.write(Buffer.concat(batch))
            else if (waiting === 0) resolve()
          }
          const parse = answerParser()
          socket.on('data', (chunk) => {
            const statuses = parse(chunk.toString('latin1'))
            const wrong = statuses.find((one) => one !== status)
            if (wrong !== undefined)
              reject(new Error(`answered ${wrong} and not ${status}: ${chunk.toString('latin1')}`))
            waiting -= statuses.length
            send(statuses.length)
          })
          socket.on('error', reject).on('end', () => reject(new Error('the server closed the connection')))
          send(pipelining)
        }),
    ),
  )
  const seconds = (performance.now() - began) / 1000
  for (const socket of sockets) socket.destroy()
  return seconds
}

/** Connects as soon as the server listens. */
export async function open(port: number): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    if (opened) return socket.removeAllListeners('error')
    if (attempt > 1_000) throw new Error(`nothing listens on port ${port}`)
    await sleep(10)
  }
}

/** Returns a function that takes received data and returns the statuses of the responses that it completes. */
function answerParser(): (chunk: string) => number[] {
  let rest = ''
  return (chunk) => {
    const text = rest + chunk
    const statuses: number[] = []
    let at = 0
    for (;;) {
      const head = text.indexOf('\r\n\r\n', at)
      if (head < 0) break
      const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(at, head))?.[1]
      if (length === undefined) throw new Error('a response has no Content-Length')
      const end = head + 4 + Number(length)
      if (end > text.length) break
      statuses.push(Number(text.slice(at + 9, at + 12)))
      at = end
    }
    rest = text.slice(at)
    return statuses
  }
}
