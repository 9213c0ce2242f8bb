import { type App, createApp, type createMetrics } from '@heirloom/http-service'
import { type StatusEvent, createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import type { Config } from './config.ts'
import { addMetrics } from './metrics.ts'
import { routes } from './routes.ts'

/** Failures in a row before they become a warning. Each retry waits longer than the one before. */
const MAX_FAILURES = 3

const JWKS_PATH = '/.well-known/jwks.json'

/** The verifier and the routes, and nothing else: no store, no secret, and no call to anyone on the request path. */
export function buildApp(config: Config, metrics: ReturnType<typeof createMetrics>) {
  const { issuer, jwksUri, audience, resource, status, logLevel, keepAliveTimeoutSeconds } = config
  // Where the keys have an address inside of the network, the lists have one beside them.
  const baseUrl = jwksUri?.endsWith(JWKS_PATH) ? jwksUri.slice(0, -JWKS_PATH.length) : undefined
  let failuresInARow = 0
  const verifier = createVerifier({
    issuer,
    audience,
    ...(resource && { resource }),
    // The issuer's keys may be for any of them.
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    ...(jwksUri && { jwksUri }),
    status: { ...status, ...(baseUrl && { baseUrl }), onEvent: (event) => logStatus(event) },
    onEvent({ type, ...event }) {
      failuresInARow = type === 'refresh_failed' ? failuresInARow + 1 : 0
      if (type === 'keys_confirmed') app.log.debug(event, type)
      // Some seconds have passed by then, so the issuer is not just starting.
      else if (type === 'keys_expired' || failuresInARow > MAX_FAILURES)
        app.log.warn(event, `the keys of ${issuer} could not be fetched: ${verifier.problem}`)
      else app.log.info(event, type)
    },
  })
  const app: App = createApp({
    logLevel,
    keepAliveTimeoutSeconds,
    metrics,
    notReady: () =>
      verifier.isReady
        ? []
        : [`the keys of ${issuer} have not been fetched yet: ${verifier.problem ?? 'no answer yet'}`],
    plugins: (root) => void root.register(bearerAuth, { verifier }),
    routes: (scope) => routes(scope, verifier),
  })
  addMetrics(metrics, verifier)
  app.addHook('onClose', () => verifier.close())
  return app

  function logStatus({ type, ...event }: StatusEvent) {
    if (type === 'list_expired' || type === 'list_refused') app.log.warn(event, type)
    else if (type === 'list_failed') app.log.info(event, type)
    else app.log.debug(event, type)
  }
}
