import { type App, acceptForms } from '@heirloom/http-service'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { MAX_RESOURCES } from '../rules/target.ts'
import type { Core } from '../services/core.ts'
import { type ClientCredentials, authenticateClient } from '../services/oauth/authenticate-client.ts'
import { introspectToken } from '../services/oauth/introspect-token.ts'
import type { ReadAccessToken } from '../services/oauth/own-access-tokens.ts'
import { revokeToken } from '../services/oauth/revoke-token.ts'
import { grantTokens } from '../services/oauth/token.ts'
import { answerOAuth } from './answers.ts'
import { IntrospectionResponse, OAuthTokenResponse, Scope, answers } from './schemas.ts'
import { goneSignal } from './tokens.ts'

const ClientForm = {
  client_id: Type.Optional(
    Type.String({ description: 'The client, unless it authenticates by HTTP Basic.', maxLength: 200 }),
  ),
  client_secret: Type.Optional(
    Type.String({ description: 'Its secret, with the authentication method `client_secret_post`.', maxLength: 500 }),
  ),
}
const Token = Type.String({ description: 'A refresh token or an access token.' })
const TokenTypeHint = Type.Optional(Type.String({ description: 'Ignored: the token itself says what it is.' }))

/** The calls of RFC 6749, 7009 and 7662. They take forms, and any OAuth client can use them. */
export function oauthRoutes(app: App, core: Core, readAccessToken: ReadAccessToken): void {
  const tags = ['oauth']
  const consumes = ['application/x-www-form-urlencoded']

  void app.register(async (scope: App) => {
    acceptForms(scope, { repeatable: ['resource'] })

    scope.post(
      '/oauth2/token',
      {
        schema: {
          tags,
          consumes,
          summary: 'Get tokens by a grant (RFC 6749, section 3.2)',
          description: 'If the answer was lost, send the same request again: it gets the same new refresh token.',
          body: Type.Object({
            grant_type: Type.String({ description: 'One of `grant_types_supported` in the metadata.' }),
            code: Type.Optional(Type.String({ description: 'The grant `authorization_code`: the code to redeem.' })),
            redirect_uri: Type.Optional(
              Type.String({ description: 'May be left out. Otherwise the one of the authorization request.' }),
            ),
            code_verifier: Type.Optional(
              Type.String({ description: 'The secret from which the challenge was made (RFC 7636).' }),
            ),
            refresh_token: Type.Optional(
              Type.String({ description: 'The grant `refresh_token`: the token to redeem.' }),
            ),
            scope: Scope,
            resource: Type.Optional(
              Type.Array(Type.String({ maxLength: 500 }), {
                maxItems: MAX_RESOURCES,
                description: 'The resource that the access token is for (RFC 8707). May be repeated.',
              }),
            ),
            ...ClientForm,
          }),
          response: answers({ 200: OAuthTokenResponse }, 400, 401, 429),
        },
      },
      async (request, reply) => {
        const result = await grantTokens(core, {
          ...credentialsOf(request),
          form: request.body,
          signal: goneSignal(reply),
        })
        return answerOAuth(reply, result, (granted) =>
          reply.code(200).send({
            access_token: granted.access_token,
            token_type: granted.token_type,
            expires_in: granted.expires_in,
            ...(granted.scope !== undefined && { scope: granted.scope }),
            ...(granted.refresh_token !== undefined && { refresh_token: granted.refresh_token }),
            ...(granted.refresh_token_expires_in !== undefined && {
              refresh_token_timeout: granted.refresh_token_expires_in,
              refresh_token_expires_in: granted.refresh_token_expires_in,
            }),
            ...(granted.authorization_expires_in !== undefined && {
              authorization_expires_in: granted.authorization_expires_in,
            }),
            ...(granted.session_id !== undefined && { session_id: granted.session_id }),
          }),
        )
      },
    )

    scope.post(
      '/oauth2/revoke',
      {
        schema: {
          tags,
          consumes,
          summary: 'End the session of a token (RFC 7009)',
          description:
            'A 200 means that the session has ended. An unknown token, or one whose session had already ended, gets 200 too. ' +
            'A token of another client gets `invalid_grant` and is not revoked.',
          body: Type.Object({ token: Token, token_type_hint: TokenTypeHint, ...ClientForm }),
          // A library that expects JSON fails on an empty body, although RFC 7009, section 2.2, says to ignore it.
          response: answers({ 200: Type.Object({}) }, 400, 401, 429),
        },
      },
      async (request, reply) => {
        const caller = await authenticateClient(core, credentialsOf(request))
        if (!caller.ok) return answerOAuth(reply, caller, () => undefined)
        const result = await revokeToken(core, readAccessToken, caller.client, request.body.token)
        return answerOAuth(reply, result, () => reply.code(200).send({}))
      },
    )

    scope.post(
      '/oauth2/introspect',
      {
        schema: {
          tags,
          consumes,
          summary: 'Show whether a token is valid now, and what it grants (RFC 7662)',
          description:
            'For clients with a secret. An access token is shown to the introspectors of its resource, and a refresh token to its ' +
            'own client. Any other token gets `{"active": false}`. Introspection redeems nothing.',
          body: Type.Object({ token: Token, token_type_hint: TokenTypeHint, ...ClientForm }),
          response: answers({ 200: IntrospectionResponse }, 400, 401, 429),
        },
      },
      async (request, reply) => {
        const caller = await authenticateClient(core, credentialsOf(request), { needsSecret: true })
        if (!caller.ok) return answerOAuth(reply, caller, () => undefined)
        return reply.code(200).send(await introspectToken(core, readAccessToken, caller.client, request.body.token))
      },
    )
  })
}

function credentialsOf({ headers, body, ip }: FastifyRequest<{ Body: ClientCredentials['form'] }>): ClientCredentials {
  return { authorization: headers.authorization, form: body, ip }
}
