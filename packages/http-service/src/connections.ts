import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { answerBroken } from './answer-broken.ts'
import { MAX_UNANSWERED } from './limits.ts'

/** Tracks unanswered requests by connection. It bounds pipelining, answers what is not HTTP, and closes connections at a stop. */
export class Connections {
  /** By connection: requests without an answer. */
  readonly #unanswered = new WeakMap<object, number>()
  /** By connection: the newest answer whose request has not arrived whole, or that has not been sent whole. */
  readonly #newest = new WeakMap<object, ServerResponse>()
  #isClosing = false

  get isClosing(): boolean {
    return this.#isClosing
  }

  /** Adds the hooks. They come before any other, so that nothing runs for a request that is dropped. */
  guard(app: FastifyInstance): void {
    app.addHook('onRequest', ({ raw }, reply, done) => {
      const count = (this.#unanswered.get(raw.socket) ?? 0) + 1
      this.#unanswered.set(raw.socket, count)
      this.#newest.set(raw.socket, reply.raw)
      if (count <= MAX_UNANSWERED) return done()
      reply.hijack()
      raw.socket.destroy()
    })
    app.addHook('preClose', async () => void (this.#isClosing = true))
    // A connection that stays open after a request from before the stop would delay the stop.
    app.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.#isClosing) reply.header('connection', 'close')
      done()
    })
    app.addHook('onResponse', ({ raw }, reply, done) => {
      this.#unanswered.set(raw.socket, (this.#unanswered.get(raw.socket) ?? 1) - 1)
      if (raw.complete && this.#newest.get(raw.socket) === reply.raw) this.#newest.delete(raw.socket)
      // So would a connection whose answer began before the stop.
      if (this.#isClosing) app.server.closeIdleConnections()
      done()
    })
    // Node would close the connection without an answer.
    app.server.on('connect', (_request: IncomingMessage, socket: Duplex) => answerBroken(socket))
  }

  /** Fastify's `clientErrorHandler`: one request gets one answer. */
  onClientError(error: Error & { code?: string }, socket: Socket): void {
    const answer = this.#newest.get(socket)
    const isHalf = answer?.req.complete === false
    const inFront = (this.#unanswered.get(socket) ?? 0) - (isHalf ? 1 : 0)
    // An answer to a broken request must not be read as the answer to one of the requests in front of it.
    if (error.code === 'ECONNRESET' || !socket.writable || inFront > 0) socket.destroy()
    // If a request was answered, it does not matter how it ends.
    else if (isHalf && answer.headersSent) socket.destroySoon()
    else answerBroken(socket, error.code)
  }
}
