import type { AccessTokenClaims, HeirloomClaims } from './claims.ts'
import { type Shape, audience, name, names, optional, scope, status, time } from './shapes.ts'

/**
 * One kind of token: its `typ` and the claims that it must carry. Kinds must exclude each other (RFC 8725, section 3.12), so
 * a token is checked against exactly one profile.
 */
export interface Profile<Claims extends AccessTokenClaims> {
  /** Accepted values of the header's `typ`: media types in any case, `application/` optional (RFC 7515, section 4.1.9). */
  readonly types: readonly string[]
  readonly shapes: { readonly [claim in keyof Known<Claims>]-?: Shape }
}

/** The named members, without the index signature. */
type Known<T> = { [key in keyof T as string extends key ? never : key]: T[key] }

/** RFC 9068, sections 2.2 and 4, for tokens of any issuer. */
export const rfc9068Profile: Profile<AccessTokenClaims> = {
  types: ['at+jwt'],
  shapes: {
    iss: name,
    aud: audience,
    sub: name,
    client_id: name,
    jti: name,
    iat: time,
    exp: time,
    nbf: optional(time),
    auth_time: optional(time),
    scope: optional(scope),
    status: optional(status),
  },
}

/** Tokens of Heirloom: RFC 9068 with the session and the roles, and with `auth_time` and `scope` required. */
export const heirloomProfile: Profile<HeirloomClaims> = {
  types: rfc9068Profile.types,
  shapes: { ...rfc9068Profile.shapes, sid: name, auth_time: time, scope, roles: names },
}
