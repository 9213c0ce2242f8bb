import { type App, createApp, type createMetrics } from '@heirloom/service'
import { createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import type { Config } from './config.ts'
import { routes } from './routes.ts'

/** The verifier and our own routes, and nothing else: no store, no secret, no call on the path of a request. */
export function buildApp(config: Config, metrics: ReturnType<typeof createMetrics>) {
  const { issuer, jwksUri, audience, logLevel, keepAliveTimeoutSeconds } = config
  const verifier = createVerifier({
    issuer,
    audience,
    // Whichever of them the issuer's keys are for.
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    ...(jwksUri && { jwksUri }),
    onEvent: ({ type, ...event }) => app.log[type === 'keys_confirmed' ? 'debug' : 'info'](event, type),
  })
  const app: App = createApp({
    logLevel,
    keepAliveTimeoutSeconds,
    metrics,
    notReady: () => (verifier.isReady ? [] : [`the keys of ${issuer} have not been fetched yet`]),
    async routes(scope) {
      await scope.register(bearerAuth, { verifier })
      routes(scope, verifier)
    },
  })
  app.addHook('onClose', () => verifier.close())
  return app
}
