import type { AccessTokenClaims, ClientClaims, HeirloomClaims, UserClaims } from './claims.ts'
import { type Shape, audience, name, names, optional, scope, status, time } from './shapes.ts'

/**
 * One kind of token: its `typ` and the claims that it must carry. Kinds must exclude each other (RFC 8725, section 3.12), so
 * a token is checked against exactly one profile.
 */
export interface Profile<Claims extends AccessTokenClaims> {
  /** Accepted values of the header's `typ`: media types in any case, `application/` optional (RFC 7515, section 4.1.9). */
  readonly types: readonly string[]
  readonly shapes: { readonly [claim in keyof Known<Claims>]-?: Shape }
  /** What must hold between claims that have their shapes. Answers what does not, or undefined. */
  disagreement?(claims: Claims): Disagreement | undefined
}

export interface Disagreement {
  /** The claim to blame. */
  readonly claim: string
  /** A sentence for developers, without the claim's value. */
  readonly description: string
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

const OF_A_USER = ['sid', 'auth_time', 'roles'] as const satisfies (keyof UserClaims & keyof ClientClaims)[]

/**
 * Tokens of Heirloom: RFC 9068, and either all of `sid`, `auth_time` and `roles`, or none of them. Without them, the subject
 * is the client itself (RFC 9068, section 2.2).
 */
export const heirloomProfile: Profile<HeirloomClaims> = {
  types: rfc9068Profile.types,
  shapes: { ...rfc9068Profile.shapes, sid: optional(name), roles: optional(names) },
  disagreement(claims) {
    const missing = OF_A_USER.filter((claim) => !Object.hasOwn(claims, claim))
    const [first] = missing
    if (first === undefined) return undefined
    if (missing.length < OF_A_USER.length) {
      return { claim: first, description: `The claim "${first}" is missing: sid, auth_time and roles go together.` }
    }
    return claims.sub === claims.client_id
      ? undefined
      : { claim: 'sub', description: 'The subject of a token without a session must be its client.' }
  },
}
