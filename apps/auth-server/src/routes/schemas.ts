import { ErrorBody } from '@heirloom/http-service'
import { type TSchema, Type } from 'typebox'

export const RefreshToken = Type.String({
  maxLength: 512,
  description: 'As it was issued: `hrt_` and 72 characters.',
})
/** No policy, so that any password that was set once can be typed again. A body has at most 16 KiB. */
export const Password = Type.String({ minLength: 1, description: 'The password of the account.' })
export const NewPassword = Type.String({
  minLength: 1,
  description: 'At least `PASSWORD_MIN_LENGTH` characters, and not one that is easy to guess.',
})
export const Username = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'The name of the account. Upper and lower case are the same.',
})
export const ClientId = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 200,
    description: 'A client of the realm. Default: that of the session, or the default client.',
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
  Type.Union([RESOURCE, Type.Array(RESOURCE, { minItems: 1, maxItems: 20 })], {
    description:
      'The services that the tokens are for, as the realm names them; the issuer names the auth server (RFC 8707). Default: all that the client may ask for.',
  }),
)
export const Empty = Type.Null({ description: 'Done. The answer has no body.' })

export const TokenResponse = Type.Object({
  access_token: Type.String({ description: 'A signed JWT (RFC 9068).' }),
  token_type: Type.Literal('Bearer', { description: 'Always `Bearer`.' }),
  expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
  refresh_token: Type.String({ description: 'Opaque. Replaces the one that was presented.' }),
  refresh_token_expires_in: Type.Integer({ description: 'Seconds until the refresh token expires if it is not used.' }),
  scope: Type.Optional(
    Type.String({ description: 'What the access token grants, separated by spaces. Absent if it has no scope.' }),
  ),
  session_id: Type.String({ format: 'uuid', description: 'Public. The same as the claim `sid`.' }),
})

/**
 * The answers of a route that uses the stores: its own, the error body for each status that it may refuse with, and those of
 * faults.
 */
export function answers<Own extends Record<number, TSchema>, Errors extends number>(own: Own, ...errors: Errors[]) {
  const refused = Object.fromEntries(errors.map((status) => [status, ErrorBody])) as Record<Errors, typeof ErrorBody>
  return { ...own, ...refused, 500: ErrorBody, 503: ErrorBody }
}
