import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LineBudget } from './line-budget.ts'

/**
 * One line for each request that was refused or failed, and for every request at `debug`. A flood of requests does not
 * become a flood of lines. No line holds a URL, a header or a body.
 */
export class AccessLog {
  readonly #isVerbose: boolean
  readonly #budget: LineBudget
  /** Answers that get no line. */
  readonly #silent = new WeakSet<FastifyReply>()

  constructor(app: FastifyInstance) {
    this.#isVerbose = app.log.level === 'debug' || app.log.level === 'trace'
    this.#budget = new LineBudget((kind, more) => app.log.info({ kind, more }, `${more} more like these`))
    app.addHook('onClose', async () => this.#budget.close())
    app.addHook('onResponse', (request, reply, done) => {
      this.#write(request, reply)
      done()
    })
  }

  /** Whether another line of this kind may be written for this route. */
  allows(request: FastifyRequest, kind: string | number): boolean {
    return this.#isVerbose || this.#budget.allows(`${request.method} ${routeOf(request)} ${kind}`)
  }

  /** The answer gets no line of its own. */
  silence(reply: FastifyReply): void {
    this.#silent.add(reply)
  }

  /** Why an answer has a status of 500 or more. The same reason is written once a minute. */
  explain(reply: FastifyReply, status: number, reason: string): void {
    if (!this.#budget.allows(reason, 1) && !this.#isVerbose) return this.silence(reply)
    reply.log[status === 503 ? 'warn' : 'error'](reason)
  }

  #write(request: FastifyRequest, reply: FastifyReply): void {
    const status = reply.statusCode
    if ((status < 400 || this.#silent.has(reply)) && !this.#isVerbose) return
    if (!this.allows(request, status)) return
    const level = status >= 500 ? 'error' : status >= 400 ? 'info' : 'debug'
    const line = { method: request.method, route: routeOf(request), status, ms: Math.round(reply.elapsedTime) }
    request.log[level](line, 'answered')
  }
}

/** The route's pattern, never the URL. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? '(none)'
}
