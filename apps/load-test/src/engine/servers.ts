import { Pool } from 'undici'

/** A server that refused a connection is left alone for this long, as a load balancer would. */
const REST_MS = 500
/** Until the answer begins, and between its parts. */
const TIMEOUT_MS = 10_000
/** What the services say is some hundred bytes. */
const MOST_BYTES = 2 ** 20

export interface Request {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

export interface Answer {
  /** 0: the connection broke, or nothing came in time. */
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  /** Why nothing came, by undici or the system. */
  code?: string
  /** Who answered: as a balancer says, or where the request went. */
  server: string
}

class EndlessBody extends Error {
  override name = 'its body does not end'
}

/**
 * Several servers that are as good as one, over kept connections, in turn.
 *
 * undici's `dispatch`, by measurement: it takes about as much CPU a request as autocannon, a half of `undici.request` and
 * of node:http, and an eighth of `fetch`; and unlike autocannon it leaves it to us what a client does next.
 */
export class Servers {
  readonly #servers: { pool: Pool; host: string; restUntil: number }[]
  #turn = 0

  constructor(urls: readonly string[], connections: number) {
    const options = { connections, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, connect: { timeout: 2_000 } }
    this.#servers = urls.map((url) => ({ pool: new Pool(url, options), host: new URL(url).host, restUntil: 0 }))
  }

  /** Never rejects. @param signal when the client gives up: its connection is then closed, as a real one's would be. */
  send(request: Request, signal?: AbortSignal | null): Promise<Answer> {
    const server = this.#next()
    const began = performance.now()
    return new Promise((resolve) => {
      const answer: Answer = { status: 0, headers: {}, body: '', server: server.host }
      // Until it has a connection.
      let giveUp = () => resolve({ ...answer, code: 'TimeoutError' })
      signal?.addEventListener('abort', () => giveUp(), { once: true })
      server.pool.dispatch(request, {
        onRequestStart(controller) {
          giveUp = () => controller.abort(signal?.reason as Error)
          if (signal?.aborted) giveUp()
        },
        onResponseStart(_controller, status, headers) {
          answer.status = status
          answer.headers = headers
          const behind = headers['x-server']
          if (typeof behind === 'string') answer.server = behind
        },
        onResponseData(controller, chunk) {
          if (answer.body.length > MOST_BYTES || performance.now() - began > TIMEOUT_MS) {
            return controller.abort(new EndlessBody())
          }
          answer.body += chunk.toString('latin1')
        },
        onResponseEnd: () => resolve(answer),
        onResponseError(_controller, error: NodeJS.ErrnoException) {
          // A server that is slow for one client is not for that one to judge.
          if (!signal?.aborted) server.restUntil = performance.now() + REST_MS
          resolve({
            ...answer,
            status: 0,
            code: error.name === 'TimeoutError' ? error.name : (error.code ?? error.name),
          })
        },
      })
    })
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ pool }) => pool.destroy()))
  }

  #next() {
    const now = performance.now()
    for (let i = 0; i < this.#servers.length; i++) {
      const server = this.#servers[this.#turn++ % this.#servers.length]
      if (server && server.restUntil <= now) return server
    }
    const server = this.#servers[this.#turn++ % this.#servers.length]
    if (!server) throw new Error('there is no server')
    return server
  }
}
