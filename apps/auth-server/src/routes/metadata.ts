import { createHash } from 'node:crypto'
import type { App } from '@heirloom/http-service'
import { Type } from 'typebox'
import { METADATA_PATH } from '../rules/issuer-path.ts'
import { AUTH_METHODS } from '../rules/realm.ts'
import type { Core } from '../services/core.ts'
import { GRANT_TYPES_SUPPORTED } from '../services/oauth/token.ts'
import { matchesEtag } from './etag.ts'

/** RFC 8414, section 2, and RFC 9207, section 3. */
const Names = (description: string) => Type.Array(Type.String(), { description })
const Metadata = Type.Object({
  issuer: Type.String({ description: 'The value of `ISSUER`.' }),
  jwks_uri: Type.String({ description: 'The address of the key set.' }),
  authorization_endpoint: Type.String({ description: 'Where clients send users to log in and give consent.' }),
  token_endpoint: Type.String({ description: 'Where clients get tokens.' }),
  revocation_endpoint: Type.String({ description: 'Where clients end sessions (RFC 7009).' }),
  introspection_endpoint: Type.String({ description: 'Where services ask about tokens (RFC 7662).' }),
  response_types_supported: Names('Only `code`.'),
  response_modes_supported: Names('Only `query`.'),
  code_challenge_methods_supported: Names('Only `S256` (RFC 7636). Every request needs a challenge.'),
  authorization_response_iss_parameter_supported: Type.Literal(true, {
    description: 'Each answer of the authorization endpoint has `iss`, even an error.',
  }),
  grant_types_supported: Names('The grants of the token endpoint.'),
  token_endpoint_auth_methods_supported: Names('How clients authenticate at the token endpoint.'),
  revocation_endpoint_auth_methods_supported: Names('How clients authenticate at the revocation endpoint.'),
  introspection_endpoint_auth_methods_supported: Names('How clients authenticate at the introspection endpoint.'),
  scopes_supported: Type.Optional(Names('The scopes of the realm.')),
  protected_resources: Type.Optional(Names('The services with an absolute URI that `resource` may name (RFC 9728).')),
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
      const { scopes, resources } = core.realm.current()
      const uris = [...resources.keys()].filter((id) => URL.canParse(id))
      return reply.code(200).send({
        issuer,
        jwks_uri: `${issuer}/.well-known/jwks.json`,
        authorization_endpoint: `${issuer}/oauth2/authorize`,
        token_endpoint: `${issuer}/oauth2/token`,
        revocation_endpoint: `${issuer}/oauth2/revoke`,
        introspection_endpoint: `${issuer}/oauth2/introspect`,
        response_types_supported: ['code'],
        response_modes_supported: ['query'],
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
        grant_types_supported: GRANT_TYPES_SUPPORTED,
        token_endpoint_auth_methods_supported: [...AUTH_METHODS],
        revocation_endpoint_auth_methods_supported: [...AUTH_METHODS],
        introspection_endpoint_auth_methods_supported: AUTH_METHODS.filter((method) => method !== 'none'),
        // Section 3.2: no empty list, unless it is required.
        ...(scopes.size > 0 && { scopes_supported: [...scopes.keys()] }),
        ...(uris.length > 0 && { protected_resources: uris }),
        ...(docs && { service_documentation: `${issuer}/docs` }),
      })
    },
  )
}
