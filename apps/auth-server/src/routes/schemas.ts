import { ErrorBody } from '@heirloom/http-service'
import { type TSchema, Type } from 'typebox'
import { MAX_RESOURCES } from '../rules/target.ts'

export const RefreshToken = Type.String({
  maxLength: 512,
  description: 'As it was issued: `hrt_` and 72 characters.',
})
/** No policy, so that any password that was set once can be typed again. A body has at most 16 KiB. */
export const Password = Type.String({ minLength: 1, description: 'The password of the account.' })
export const ClientId = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'A client of the realm. Default: the client of the session, or the default one.',
  }),
)
export const Delivery = Type.Optional(
  Type.Union([Type.Literal('body'), Type.Literal('cookie')], {
    description:
      'Where the answer puts the refresh token. `cookie`: in a cookie that no script can read, for pages at a client’s `origins` (RFC 10017). Default: `body`.',
  }),
)
export const Scope = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 500,
    description: 'One or more scopes of the realm, separated by spaces. Default: all that may be granted.',
  }),
)
const RESOURCE = Type.String({ minLength: 1, maxLength: 500 })
export const Resource = Type.Optional(
  Type.Union([RESOURCE, Type.Array(RESOURCE, { minItems: 1, maxItems: MAX_RESOURCES })], {
    description:
      'The services that the tokens are for, as the realm names them; the issuer names the auth server (RFC 8707). Default: all that the client may ask for.',
  }),
)

export const Empty = Type.Null({ description: 'Done. The answer has no body.' })

export const TokenResponse = Type.Object({
  access_token: Type.String({ description: 'A signed JWT (RFC 9068).' }),
  token_type: Type.Literal('Bearer', { description: 'Always `Bearer`.' }),
  expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
  refresh_token: Type.Optional(
    Type.String({ description: 'Opaque. Replaces the one that was presented. Absent if it is in the cookie.' }),
  ),
  refresh_token_expires_in: Type.Integer({ description: 'Seconds until the refresh token expires if it is not used.' }),
  scope: Type.Optional(
    Type.String({ description: 'The scopes of the access token, separated by spaces. Absent if it has none.' }),
  ),
  session_id: Type.String({ format: 'uuid', description: 'Public. The same as the claim `sid`.' }),
})

/** RFC 6749, section 5.1. Tokens of a client that acts for itself have no session and no refresh token. */
export const OAuthTokenResponse = Type.Object({
  access_token: Type.String({ description: 'A signed JWT (RFC 9068).' }),
  token_type: Type.Literal('Bearer', { description: 'Always `Bearer`.' }),
  expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
  scope: Type.Optional(
    Type.String({ description: 'What the access token grants, separated by spaces. Absent if it has no scope.' }),
  ),
  refresh_token: Type.Optional(Type.String({ description: 'Opaque. Replaces the one that was presented.' })),
  refresh_token_timeout: Type.Optional(
    Type.Integer({ description: 'Seconds until the refresh token expires if it is not used.' }),
  ),
  refresh_token_expires_in: Type.Optional(
    Type.Integer({ description: 'The same as `refresh_token_timeout`, under the name that `/auth/refresh` uses.' }),
  ),
  authorization_expires_in: Type.Optional(
    Type.Integer({ description: 'Seconds until the session ends, however often it is refreshed.' }),
  ),
  session_id: Type.Optional(Type.String({ format: 'uuid', description: 'Public. The same as the claim `sid`.' })),
})

const Time = (description: string) => Type.Optional(Type.Integer({ description: `${description} Seconds since 1970.` }))
const Text = (description: string) => Type.Optional(Type.String({ description }))

/** RFC 7662, section 2.2. */
export const IntrospectionResponse = Type.Object(
  {
    active: Type.Boolean({ description: 'Whether the token is valid now. If not, this is the only member.' }),
    token_type: Text('`Bearer` for an access token.'),
    iss: Text('The issuer.'),
    sub: Text('The user; or the client, if it acts for itself.'),
    client_id: Text('The client that the token was issued to.'),
    aud: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String())], {
        description: 'For an access token: the resources that it is for.',
      }),
    ),
    scope: Text('What the token grants, separated by spaces.'),
    jti: Text('For an access token: its id.'),
    iat: Time('For an access token: when it was issued.'),
    exp: Time('When the token expires; for a refresh token, when it expires if unused.'),
    auth_time: Time('When the user logged in.'),
    sid: Text('The session.'),
    roles: Type.Optional(Type.Array(Type.String(), { description: 'The roles of the user.' })),
  },
  { additionalProperties: true, description: 'For an access token, also the claims that its resource adds.' },
)

/**
 * The answers of a route that uses the stores: its own, the error body for each status that it may refuse with, and those of
 * faults.
 */
export function answers<Own extends Record<number, TSchema>, Errors extends number>(own: Own, ...errors: Errors[]) {
  const refused = Object.fromEntries(errors.map((status) => [status, ErrorBody])) as Record<Errors, typeof ErrorBody>
  return { ...own, ...refused, 500: ErrorBody, 503: ErrorBody }
}
