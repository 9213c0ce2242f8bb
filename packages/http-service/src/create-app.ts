import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { LogController, type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { answerBroken } from './answer-broken.ts'
import { answerFault } from './answer-fault.ts'
import { errorBody } from './error-body.ts'
import { cleanForwardedFor } from './forwarded-for.ts'
import { addHealth } from './health.ts'
import { LineBudget } from './line-budget.ts'
import { LOG_HOOKS } from './log-hooks.ts'
import { measureRequests } from './metrics.ts'
import { addJsonParser } from './parse-json-body.ts'
import { answerWrongMethods } from './wrong-methods.ts'

export interface ErrorAnswer {
  status: number
  error: string
  description: string
  headers?: Record<string, string>
  /** For the log, of a status from 500 on. Default: the error's message. The same one is written once a minute. */
  reason?: string
  /** No line in the log: a server that is full says so in its metrics, and would fill the log too. */
  isQuiet?: boolean
}

/** The instance that routes are added to: schemas written with TypeBox give the types of body and answer. */
export type App = ReturnType<typeof bareApp>

export interface AppOptions {
  /** Adds every route and plugin of the service. */
  routes: (app: App) => void | Promise<void>
  /** pino's level. Refused requests are logged at `info`, faults at `error`, the rest at `debug`. */
  logLevel: string
  /** Requests are counted and timed here. */
  metrics: Registry
  /** Reasons why the service should get no traffic, in plain words; none when it is ready. */
  notReady: () => readonly string[] | Promise<readonly string[]>
  /** Addresses or CIDR ranges of the proxies whose `X-Forwarded-For` is believed. Default: none. */
  trustedProxies?: readonly string[]
  /** What stands under another path than the service says: answers the path that the service knows. Default: nothing. */
  rewritePath?: (path: string) => string
  /** How long a connection may be idle before it is closed. */
  keepAliveTimeoutSeconds: number
  /** Turns an error that the application throws on purpose into an answer; what it does not know becomes a 500. */
  answerError?: (error: Error) => ErrorAnswer | undefined
}

/** A request must be here whole this many milliseconds after it began. Node looks once a second. */
const REQUEST_TIMEOUT_MS = 8_000
/** No body of ours is near this; a password may have 1,024 bytes. */
const BODY_LIMIT_BYTES = 16 * 1024

/** On one connection. Browsers and fetch send one at a time; each of a thousand that come at once would hold its memory. */
const MOST_UNANSWERED = 32

/** By connection. */
const unanswered = new WeakMap<object, number>()
/** Requests that expect what is not met. */
const unmet = new WeakSet<IncomingMessage>()
/** By connection, the newest answer whose request has not come whole, or that has not been sent whole. */
const newest = new WeakMap<object, ServerResponse>()

/**
 * A Fastify instance with what each of our services needs and none should choose for itself: time-outs, limits, one
 * shape of error, health, and a log that never holds a URL's query, a header or a body.
 */
export function createApp(options: AppOptions): App {
  const app = bareApp(options)
  addJsonParser(app)
  const nothingHere = errorBody('not_found', 'There is nothing at this address.')
  // For plugins that find nothing themselves, as one that sends files.
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(nothingHere))
  app.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    // Before anything asks for the address, which Fastify works out from it.
    cleanForwardedFor(request.raw.headers)
    const count = (unanswered.get(socket) ?? 0) + 1
    unanswered.set(socket, count)
    newest.set(socket, reply.raw)
    if (count > MOST_UNANSWERED) {
      reply.hijack()
      return void socket.destroy()
    }
    reply.header('x-content-type-options', 'nosniff')
    if (unmet.has(request.raw))
      return reply.code(417).send(errorBody('invalid_request', 'The only expectation that is met is 100-continue.'))
    if (!namesOneHost(request.raw))
      return reply.code(400).send(errorBody('invalid_request', 'A request names one host.'))
    // Before a body is read: what is wrong with it does not matter where nothing is.
    if (request.is404) reply.code(404).send(nothingHere)
    else done()
  })
  let isClosing = false
  app.addHook('preClose', async () => void (isClosing = true))
  // Of a request that was on its way when the stop began: its connection would be kept, and waited for.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing) reply.header('connection', 'close')
    done()
  })
  const quiet = new WeakSet<FastifyReply>()
  const verbose = app.log.level === 'debug' || app.log.level === 'trace'
  const budget = new LineBudget((kind, more) => app.log.info({ kind, more }, `${more} more like these`))
  const mayLog = (request: FastifyRequest, kind: string | number) =>
    verbose || budget.allows(`${request.method} ${routeOf(request)} ${kind}`)
  app.addHook('onClose', async () => budget.close())
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = options.answerError?.(error)
    if (answer?.isQuiet) quiet.add(reply)
    else if (answer && answer.status >= 500) {
      const reason = answer.reason ?? error.message
      if (budget.allows(reason, 1) || verbose) request.log[answer.status === 503 ? 'warn' : 'error'](reason)
      else quiet.add(reply)
    }
    if (answer)
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(errorBody(answer.error, answer.description))
    return answerFault(error, reply, () => mayLog(request, 'failed'))
  })
  app.addHook('onResponse', async (request, reply) => {
    const { socket } = request.raw
    unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1)
    if (request.raw.complete && newest.get(socket) === reply.raw) newest.delete(socket)
    // What was kept over an answer that had begun before the stop would be waited for.
    if (isClosing) app.server.closeIdleConnections()
    if ((reply.statusCode < 400 || quiet.has(reply)) && !verbose) return
    if (!mayLog(request, reply.statusCode)) return
    const level = reply.statusCode >= 500 ? 'error' : reply.statusCode >= 400 ? 'info' : 'debug'
    const line = {
      method: request.method,
      route: routeOf(request),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    }
    request.log[level](line, 'answered')
  })

  // RFC 9110, section 10.1.1. Node would answer it with no body, and past all that is done here for a request.
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    unmet.add(request)
    app.server.emit('request', request, response)
  })
  // Node would close the connection without a word.
  app.server.on('connect', (_request: IncomingMessage, socket: Duplex) => answerBroken(socket))
  measureRequests(app, options.metrics)
  answerWrongMethods(app, () => {
    void app.register(async (scope) => {
      await options.routes(scope)
      addHealth(scope, () => (isClosing ? ['shutting down'] : options.notReady()))
    })
  })
  return app
}

function bareApp(options: AppOptions) {
  const { rewritePath } = options
  return Fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: options.keepAliveTimeoutSeconds * 1_000,
    http: { connectionsCheckingInterval: 1_000, headersTimeout: REQUEST_TIMEOUT_MS, requireHostHeader: false },
    routerOptions: { maxParamLength: 200 },
    ...(rewritePath && { rewriteUrl: ({ url = '/' }: IncomingMessage) => rewritePath(url) }),
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    // A request that is already on its way is answered; the listener itself is closed.
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    logger: {
      level: options.logLevel,
      hooks: LOG_HOOKS,
      // An error's message is ours or a library's; a request's URL, headers and body are the client's and stay out.
      serializers: { req: (request: FastifyRequest) => ({ method: request.method, route: routeOf(request) }) },
    },
    // Types are not coerced: a number where a string belongs is an error of the client. The schemas are TypeBox's, so they
    // are not checked themselves, which would be a tenth of a start.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, validateSchema: false } },
    frameworkErrors: (error, _request, reply) =>
      void answerFault(error, reply.header('x-content-type-options', 'nosniff'), () => true),
    clientErrorHandler(error, socket) {
      const answer = newest.get(socket)
      const isHalf = answer?.req.complete === false
      const inFront = (unanswered.get(socket) ?? 0) - (isHalf ? 1 : 0)
      // One request, one answer. The rest of a request that has its answer may be as late or as wrong as it likes; and what
      // is wrong after requests that wait for theirs must not be read as the answer to one of those.
      if (error.code === 'ECONNRESET' || !socket.writable || inFront > 0) socket.destroy()
      else if (isHalf && answer.headersSent) socket.destroySoon()
      else answerBroken(socket, error.code)
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
}

/** RFC 9112, section 3.2. Node would answer none with no body, and of several take the first. */
function namesOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
}

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? '(none)'
}
