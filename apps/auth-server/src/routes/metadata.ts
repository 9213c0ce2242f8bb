import { createHash } from 'node:crypto'
import type { App } from '@heirloom/http-service'
import { Type } from 'typebox'
import { METADATA_PATH } from '../rules/issuer-path.ts'
import type { Core } from '../services/core.ts'
import { answers } from './schemas.ts'

/** RFC 8414, section 2. */
const Metadata = Type.Object({ issuer: Type.String(), jwks_uri: Type.String() }, { additionalProperties: true })

export function metadataRoutes(app: App, core: Core): void {
  const { issuer, jwksMaxAgeSeconds, docs } = core.config

  app.route({
    // Fastify's own HEAD would give a 304 the length of nothing.
    method: ['GET', 'HEAD'],
    url: '/.well-known/jwks.json',
    exposeHeadRoute: false,
    schema: {
      tags: ['metadata'],
      summary: 'The public keys: coming, signing and retiring (RFC 7517)',
      response: answers({
        200: Type.Object({ keys: Type.Array(Type.Unsafe<object>({ type: 'object', additionalProperties: true })) }),
        // No body, and so no length of one: that would be the length of what was not changed (RFC 9110, section 8.6).
        304: Type.Unsafe<undefined>({ type: 'null' }),
      }),
    },
    handler: async (request, reply) => {
      const keys = core.keys.published(Date.now()).map(({ publicJwk }) => publicJwk)
      const etag = `"${createHash('sha256')
        .update(keys.map(({ kid }) => kid).join())
        .digest('base64url')}"`
      reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`).header('etag', etag)
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
      return reply.code(200).send({ keys })
    },
  })

  app.get(
    METADATA_PATH,
    {
      schema: {
        tags: ['metadata'],
        summary: 'Where everything is (RFC 8414)',
        response: { 200: Metadata },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`)
      return {
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        // Ours take JSON bodies, as the OpenAPI document says.
        token_endpoint: `${issuer}/auth/refresh`,
        revocation_endpoint: `${issuer}/auth/logout`,
        grant_types_supported: ['refresh_token'],
        response_types_supported: [],
        token_endpoint_auth_methods_supported: ['none'],
        revocation_endpoint_auth_methods_supported: ['none'],
        scopes_supported: core.scopes.scopes,
        ...(docs && { service_documentation: `${issuer}/docs` }),
      }
    },
  )
}

/** RFC 9110, section 13.1.2: a list, compared weakly. */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}
