import { createApp } from '@heirloom/http-service'
import { createVerifier } from '@heirloom/verifier'
import { bearerAuth } from '@heirloom/verifier/fastify'
import type { Registry } from 'prom-client'
import type { ServerParts } from './wiring.ts'
import { adminRoutes } from './routes/admin/admin.ts'
import { accountRoutes } from './routes/account.ts'
import { answerError } from './routes/answers.ts'
import { allowOrigins, openToEveryOrigin } from './routes/cors.ts'
import { docsRoutes } from './routes/docs.ts'
import { grantRoutes } from './routes/grants.ts'
import { metadataRoutes } from './routes/metadata.ts'
import { oauthRoutes } from './routes/oauth.ts'
import { pageRoutes } from './routes/pages/pages.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { statusRoutes } from './routes/status.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { ownAccessTokens } from './services/oauth/own-access-tokens.ts'
import { belowIssuer } from './rules/issuer-path.ts'

/** The whole server, not listening. Closing it closes the stores. */
export function buildApp(parts: ServerParts, metrics: Registry) {
  const { core, rollback, keySet, notReady, close } = parts
  const { issuer, docs, logLevel, trustedProxies, keepAliveTimeoutSeconds } = core.config
  const rewritePath = belowIssuer(issuer)
  const app = createApp({
    logLevel,
    trustedProxies,
    keepAliveTimeoutSeconds,
    ...(rewritePath && { rewritePath }),
    metrics,
    notReady,
    answerError,
    plugins(root) {
      allowOrigins(root, core.realm)
      void root.register(bearerAuth, { verifier: createVerifier({ issuer, audience: issuer, keys: keySet }) })
    },
    async routes(scope) {
      if (docs) await docsRoutes(scope, issuer)
      await scope.register(async (open) => {
        openToEveryOrigin(open)
        metadataRoutes(open, core)
        if (core.statusLists) statusRoutes(open, core.statusLists)
      })
      // Routes that use Postgres. The keys are still served, so that services go on accepting access tokens.
      await scope.register(async (durable) => {
        durable.addHook('onRequest', (_request, reply, done) => {
          // RFC 6749, section 5.1. An answer about one user must not be cached for others.
          reply.header('cache-control', 'no-store')
          done(rollback.fault)
        })
        // Also if the rollback was noticed meanwhile: a Postgres that was rolled back must issue no token and no `invalid_grant`.
        durable.addHook('preSerialization', (_request, reply, payload, done) => {
          if (reply.statusCode < 500 && rollback.fault) done(rollback.fault)
          else done(null, payload)
        })
        tokenRoutes(durable, core)
        accountRoutes(durable, core)
        sessionRoutes(durable, core)
        grantRoutes(durable, core)
        pageRoutes(durable, core)
        oauthRoutes(durable, core, ownAccessTokens(issuer, core.realm, keySet))
        await adminRoutes(durable, parts, keySet)
      })
    },
  })
  // Held requests would hold up the stop.
  app.addHook('preClose', async () => core.statusLists?.close())
  app.addHook('onClose', close)
  return app
}
