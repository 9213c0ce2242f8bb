import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { createApp, errorBody } from '@heirloom/http-service'
import { createVerifier } from '@heirloom/verifier'
import { bearerAuth, openApiBearerScheme } from '@heirloom/verifier/fastify'
import type { onRequestHookHandler } from 'fastify'
import type { Registry } from 'prom-client'
import type { ServerParts } from './wiring.ts'
import { accountRoutes } from './routes/account.ts'
import { answerError } from './routes/answers.ts'
import { metadataRoutes } from './routes/metadata.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { belowIssuer, pathOf } from './rules/issuer-path.ts'

/** The whole server, not listening. Closing it closes the stores. */
export function buildApp({ core, rollback, keySet, notReady, close }: ServerParts, metrics: Registry) {
  const { issuer, audience, docs, logLevel, trustedProxies, keepAliveTimeoutSeconds } = core.config
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
      void root.register(bearerAuth, { verifier: createVerifier({ issuer, audience, keys: keySet }) })
    },
    async routes(scope) {
      if (docs) await addDocs(scope, issuer)
      metadataRoutes(scope, core)
      // Whatever asks the record. The keys stay: services go on with the access tokens that are out.
      await scope.register(async (onRecord) => {
        onRecord.addHook('onRequest', (_request, reply, done) => {
          // RFC 6749, section 5.1; and what concerns one person is nobody else's.
          reply.header('cache-control', 'no-store')
          done(rollback.fault)
        })
        // Also where it was noticed meanwhile: no token, and no `invalid_grant`, on the word of an older record.
        onRecord.addHook('preSerialization', (_request, reply, payload, done) => {
          if (reply.statusCode < 500 && rollback.fault) done(rollback.fault)
          else done(null, payload)
        })
        tokenRoutes(onRecord, core)
        accountRoutes(onRecord, core)
        sessionRoutes(onRecord, core)
      })
    },
  })
  app.addHook('onClose', close)
  return app
}

/** Files of the docs that may be on their way at once: they are large, and whoever asks for them reads as slowly as he likes. */
const MOST_DOCS = 16

/**
 * What the pages of the docs may load. The policy that swagger-ui brings also upgrades each request to https: over http, on any
 * address but loopback, the page then stays blank.
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
        description: 'Logs people in, hands down refresh tokens in families, publishes its keys.',
      },
      servers: [{ url: issuer }],
      components: { securitySchemes: { bearerAuth: openApiBearerScheme } },
    },
  })
  let sending = 0
  const onRequest: onRequestHookHandler = (_request, reply, next) => {
    if (sending >= MOST_DOCS) {
      reply
        .code(503)
        .header('retry-after', '1')
        .send(errorBody('temporarily_unavailable', 'Many read this. Try again.'))
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
