import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { type App, errorBody } from '@heirloom/http-service'
import { openApiBearerScheme } from '@heirloom/verifier/fastify'
import type { onRequestHookHandler } from 'fastify'
import { pathOf } from '../rules/issuer-path.ts'

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

const DESCRIPTION = `Logs users in, issues refresh tokens in families, and publishes its keys.

**Try it on this page.** Fill in \`POST /auth/login\` and press **Execute**. Calls under \`/auth\` and \`/admin\` then send its access token
until you reload the page. For \`/admin\`, log in with \`"resource": "auth-server-admin"\`.`

/** The OpenAPI document of the routes that are added afterwards, and a page that shows it and makes the calls. */
export async function docsRoutes(scope: App, issuer: string): Promise<void> {
  await scope.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Heirloom auth server', version: '0.1.0', description: DESCRIPTION },
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
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      indexPrefix: pathOf(issuer),
      staticCSP: DOCS_POLICY,
      // Its types name no member of what swagger-ui really passes.
      uiConfig: {
        tryItOutEnabled: true,
        requestInterceptor: useToken as never,
        responseInterceptor: keepToken,
      },
    })
  })
  scope.get('/openapi.json', { schema: { hide: true } }, () => scope.swagger())
}

/** What the two functions below keep, in the memory of the page. */
declare const window: { tokens?: Record<string, string> }

// These run in the browser: swagger-ui gets their source, so they use nothing from around them.

function keepToken(response: { ok?: boolean; text?: string }) {
  const [, token, payload] = /"access_token":"([^".]+\.([^".]+)\.[^"]+)"/.exec(response.text ?? '') ?? []
  if (!response.ok || token === undefined || payload === undefined) return response
  const { aud, iss } = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
  window.tokens ??= {}
  for (const audience of [aud].flat()) window.tokens[audience === iss ? '/auth/' : `/${audience}/`] = token
  return response
}

function useToken(request: { url: string; headers: Record<string, string> }) {
  const path = new URL(request.url).pathname
  const kind = path.includes('/admin/') ? '/auth-server-admin/' : path.includes('/auth/') ? '/auth/' : ''
  const token = window.tokens?.[kind]
  if (token !== undefined) request.headers['Authorization'] ??= `Bearer ${token}`
  return request
}
