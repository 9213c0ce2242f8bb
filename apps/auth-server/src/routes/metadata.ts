import { createHash } from 'node:crypto'
import type { App } from '@heirloom/http-service'
import { Type } from 'typebox'
import { METADATA_PATH } from '../rules/issuer-path.ts'
import type { Core } from '../services/core.ts'
import { matchesEtag } from './etag.ts'

/**
 * RFC 8414, section 2. It names no endpoints and no grant types: our calls take JSON, so a standard client could not use
 * them. `response_types_supported` is required, and empty because there is no authorization endpoint.
 */
const Metadata = Type.Object({
  issuer: Type.String({ description: 'The value of `ISSUER`.' }),
  jwks_uri: Type.String({ description: 'The address of the key set.' }),
  response_types_supported: Type.Array(Type.String(), { description: 'Empty: there is no authorization endpoint.' }),
  scopes_supported: Type.Array(Type.String(), { description: 'The scopes that a login may ask for.' }),
  service_documentation: Type.Optional(Type.String({ description: 'The address of these docs.' })),
})

export function metadataRoutes(app: App, core: Core): void {
  const { issuer, jwksMaxAgeSeconds, docs } = core.config

  app.route({
    // Fastify's own HEAD would give a 304 the length of an empty body.
    method: ['GET', 'HEAD'],
    url: '/.well-known/jwks.json',
    exposeHeadRoute: false,
    schema: {
      tags: ['metadata'],
      summary: 'The public keys: coming, signing and retiring (RFC 7517)',
      response: {
        200: Type.Object({
          keys: Type.Array(Type.Unsafe<object>({ type: 'object', additionalProperties: true }), {
            description: 'The keys.',
          }),
        }),
        // No body and no Content-Length, which would be that of the unchanged keys (RFC 9110, section 8.6).
        304: Type.Unsafe<undefined>({ type: 'null' }),
      },
    },
    handler: async (request, reply) => {
      const keys = core.keys.published(Date.now()).map(({ publicJwk }) => publicJwk)
      const etag = `"${createHash('sha256')
        .update(keys.map(({ kid }) => kid).join())
        .digest('base64url')}"`
      reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`).header('etag', etag)
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send()
      return reply.code(200).send({ keys })
    },
  })

  app.get(
    METADATA_PATH,
    {
      schema: {
        tags: ['metadata'],
        summary: 'The metadata of the issuer (RFC 8414)',
        response: { 200: Metadata },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', `public, max-age=${jwksMaxAgeSeconds}`)
      return reply.code(200).send({
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        response_types_supported: [],
        scopes_supported: [...core.realm.current().scopes.keys()],
        ...(docs && { service_documentation: `${issuer}/docs` }),
      })
    },
  )
}
