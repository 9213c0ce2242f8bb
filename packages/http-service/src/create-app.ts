import type { IncomingMessage } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { LogController, type FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import { AccessLog, routeOf } from './access-log.ts'
import { type ErrorAnswer, answerErrors } from './answer-errors.ts'
import { answerFault } from './answer-fault.ts'
import { checkRequests } from './check-requests.ts'
import { Connections } from './connections.ts'
import { addHealth } from './health.ts'
import { LIMITS } from './limits.ts'
import { LOG_HOOKS } from './log-hooks.ts'
import { measureRequests } from './metrics.ts'
import { addJsonParser } from './parse-json-body.ts'
import { answerNothingFound, answerUnknownAddresses } from './unknown-addresses.ts'
import { answerWrongMethods } from './wrong-methods.ts'

/** The instance that routes are added to: schemas written with TypeBox give the types of body and answer. */
export type App = ReturnType<typeof bareApp>

export interface AppOptions {
  /**
   * Registers plugins that concern every answer, 404 and 405 included. They load before the routes: `@fastify/cors`, for
   * example, answers preflights. Default: none.
   */
  plugins?: (app: App) => void
  /** Adds every route of the service, and plugins that concern these routes alone. */
  routes: (app: App) => void | Promise<void>
  /** pino's level. Refused requests are logged at `info`, faults at `error`, the rest at `debug`. */
  logLevel: string
  /** Requests are counted and timed here. */
  metrics: Registry
  /** Why the service should get no traffic, as sentences for an operator; empty when it is ready. */
  notReady: () => readonly string[] | Promise<readonly string[]>
  /** Addresses or CIDR ranges of the proxies whose `X-Forwarded-For` is used. Default: none. */
  trustedProxies?: readonly string[]
  /** Maps the path of a request to the path of a route, for a service below a path. Default: unchanged. */
  rewritePath?: (path: string) => string
  /** How long a connection may be idle before it is closed. */
  keepAliveTimeoutSeconds: number
  /** Turns an error that the application throws on purpose into an answer. Any other error becomes a 500. */
  answerError?: (error: Error) => ErrorAnswer | undefined
}

/**
 * A Fastify instance with everything that our services have in common: limits, one shape of error, health, metrics, and a log
 * that never holds a URL's query, a header or a body.
 */
export function createApp(options: AppOptions): App {
  const connections = new Connections()
  const app = bareApp(options, connections)
  addJsonParser(app)
  connections.guard(app)
  checkRequests(app)
  answerErrors(app, new AccessLog(app), options.answerError)
  measureRequests(app, options.metrics)
  answerNothingFound(app)
  answerWrongMethods(app, () => {
    options.plugins?.(app)
    // After the plugins, so that their headers are on a 404 too.
    app.after(() => answerUnknownAddresses(app))
    void app.register(async (scope) => {
      await options.routes(scope)
      addHealth(scope, () => (connections.isClosing ? ['shutting down'] : options.notReady()))
    })
  })
  return app
}

function bareApp({ rewritePath, ...options }: AppOptions, connections: Connections) {
  return Fastify({
    ...LIMITS,
    // Checked in check-requests.ts, with a body in the answer.
    http: { ...LIMITS.http, requireHostHeader: false },
    keepAliveTimeout: options.keepAliveTimeoutSeconds * 1_000,
    ...(rewritePath && { rewriteUrl: ({ url = '/' }: IncomingMessage) => rewritePath(url) }),
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    // A request that is already on its way is answered; the listener itself is closed.
    return503OnClosing: false,
    logController: new LogController({ disableRequestLogging: true }),
    logger: {
      level: options.logLevel,
      hooks: LOG_HOOKS,
      // An error's message is ours or a library's. A request's URL, headers and body are the client's and stay out.
      serializers: { req: (request: FastifyRequest) => ({ method: request.method, route: routeOf(request) }) },
    },
    // A number instead of a string is an error of the client, and is not converted. Schemas come from TypeBox, so checking
    // the schemas themselves would add a tenth to the start for nothing.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, validateSchema: false } },
    frameworkErrors: (error, _request, reply) =>
      void answerFault(error, reply.header('x-content-type-options', 'nosniff'), () => true),
    clientErrorHandler: (error, socket) => connections.onClientError(error, socket),
  }).withTypeProvider<TypeBoxTypeProvider>()
}
