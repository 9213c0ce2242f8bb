import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { createApp, errorBody } from '@heirloom/http-service'
import { createVerifier } from '@heirloom/verifier'
import { bearerAuth, openApiBearerScheme } from '@heirloom/verifier/fastify'
import type { onRequestHookHandler } from 'fastify'
import type { Registry } from 'prom-client'
import type { ServerParts } from './wiring.ts'
import { adminRoutes } from './routes/admin/admin.ts'
import { accountRoutes } from './routes/account.ts'
import { answerError } from './routes/answers.ts'
import { allowOrigins, openToEveryOrigin } from './routes/cors.ts'
import { grantRoutes } from './routes/grants.ts'
import { metadataRoutes } from './routes/metadata.ts'
import { oauthRoutes } from './routes/oauth.ts'
import { pageRoutes } from './routes/pages/pages.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { statusRoutes } from './routes/status.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { ownAccessTokens } from './services/oauth/own-access-tokens.ts'
import { belowIssuer, pathOf } from './rules/issuer-path.ts'

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
      if (docs) await addDocs(scope, issuer)
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

/** Files of the documentation that are sent at once. They are large, and a client may read them slowly. */
const MAX_DOCS = 16

/**
 * What the documentation's pages may load. The default policy of swagger-ui also upgrades each request to https. Over http,
 * on any address but loopback, the page would stay blank.
 */
const DOCS_POLICY = {
  'default-src': ["'self'"],
  'base-uri': ["'self'"],
  'frame-ancestors': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
}

async function addDocs(scope: Parameters<typeof tokenRoutes>[0], issuer: string) {
  await scope.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Heirloom auth server',
        version: '0.1.0',
        description: 'Logs users in, issues refresh tokens in families, and publishes its keys.',
      },
      servers: [{ url: issuer }],
      components: { securitySchemes: { bearerAuth: openApiBearerScheme } },
    },
  })
  let sending = 0
  const onRequest: onRequestHookHandler = (_request, reply, next) => {
    if (sending >= MAX_DOCS) {
      reply
        .code(503)
        .header('retry-after', '1')
        .send(errorBody('temporarily_unavailable', 'The documentation is busy. Try again shortly.'))
      return
    }
    sending++
    reply.raw.once('close', () => sending--)
    next()
  }
  await scope.register(async (docs) => {
    docs.addHook('onRequest', onRequest)
    await docs.register(swaggerUi, { routePrefix: '/docs', indexPrefix: pathOf(issuer), staticCSP: DOCS_POLICY })
  })
  scope.get('/openapi.json', { schema: { hide: true } }, () => scope.swagger())
}
