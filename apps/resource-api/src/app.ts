import { type App, createApp, type createMetrics } from '@heirloom/http-service'
import { createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import type { Config } from './config.ts'
import { routes } from './routes.ts'

/** In a row, before they are a warning: each is tried later than the one before. */
const MOST_FAILURES = 3

/** The verifier and our own routes, and nothing else: no store, no secret, no call on the path of a request. */
export function buildApp(config: Config, metrics: ReturnType<typeof createMetrics>) {
  const { issuer, jwksUri, audience, logLevel, keepAliveTimeoutSeconds } = config
  let failuresInARow = 0
  const verifier = createVerifier({
    issuer,
    audience,
    // Whichever of them the issuer's keys are for.
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    ...(jwksUri && { jwksUri }),
    onEvent({ type, ...event }) {
      failuresInARow = type === 'refresh_failed' ? failuresInARow + 1 : 0
      if (type === 'keys_confirmed') app.log.debug(event, type)
      // By then some seconds have passed: this is no issuer that is being started.
      else if (type === 'keys_expired' || failuresInARow > MOST_FAILURES)
        app.log.warn(event, `the keys of ${issuer} could not be had: ${verifier.problem}`)
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
