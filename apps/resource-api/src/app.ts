import { type App, createApp, type createMetrics } from '@heirloom/http-service'
import { createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import type { Config } from './config.ts'
import { routes } from './routes.ts'

/** Failures in a row before they become a warning. Each retry waits longer than the one before. */
const MAX_FAILURES = 3

/** The verifier and the routes, and nothing else: no store, no secret, and no call to anyone on the request path. */
export function buildApp(config: Config, metrics: ReturnType<typeof createMetrics>) {
  const { issuer, jwksUri, audience, logLevel, keepAliveTimeoutSeconds } = config
  let failuresInARow = 0
  const verifier = createVerifier({
    issuer,
    audience,
    // The issuer's keys may be for any of them.
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    ...(jwksUri && { jwksUri }),
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
  app.addHook('onClose', () => verifier.close())
  return app
}
