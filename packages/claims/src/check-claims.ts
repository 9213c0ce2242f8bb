import type { AccessTokenClaims } from './claims.ts'
import type { Profile } from './profiles.ts'
import type { Shape } from './shapes.ts'

export interface Expected {
  readonly issuer: string
  /** This service's own name. It must be the audience, or one of the audiences. */
  readonly audience: string
  /** Seconds since 1970. */
  readonly now: number
  /** How far the clocks of the issuer and of this service may differ, in seconds. */
  readonly clockToleranceSeconds: number
}

/**
 * - `not_an_object`: the claims set is not a JSON object (RFC 7519, section 7.2, step 10).
 * - `missing`, `malformed`: a claim of the profile is absent, or does not have its shape.
 * - `issuer`, `audience`: the token is from another issuer, or for another audience.
 * - `expired`, `not_yet_valid`: by the clock.
 * - `inconsistent`: claims that contradict each other, or a token that ends before it begins.
 */
export type ClaimsFault =
  'not_an_object' | 'missing' | 'malformed' | 'issuer' | 'audience' | 'expired' | 'not_yet_valid' | 'inconsistent'

export type ClaimsResult<Claims> =
  | { readonly ok: true; readonly claims: Claims }
  | { readonly ok: false; readonly fault: ClaimsFault; readonly claim: string; readonly description: string }

/**
 * Checks a claims set against a profile and an expectation. It is pure: the caller provides the time. It does not check the
 * signature, so a verifier calls it last. An auth server calls it just before it signs.
 */
export function checkClaims<Claims extends AccessTokenClaims>(
  profile: Profile<Claims>,
  value: unknown,
  expected: Expected,
): ClaimsResult<Claims> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('not_an_object', '', 'The claims set is not a JSON object.')
  }
  const shapes: Readonly<Record<string, Shape>> = profile.shapes
  for (const claim in shapes) {
    const shape = shapes[claim] as Shape
    if (!Object.hasOwn(value, claim)) {
      if (shape.optional) continue
      return refuse('missing', claim, `The claim "${claim}" is missing.`)
    }
    if (!shape.fits((value as Record<string, unknown>)[claim])) {
      return refuse('malformed', claim, `The claim "${claim}" must be ${shape.description}.`)
    }
  }
  const claims = value as Claims
  const disagreement = profile.disagreement?.(claims)
  if (disagreement) return refuse('inconsistent', disagreement.claim, disagreement.description)
  return checkParties(claims, expected) ?? checkTimes(claims, expected) ?? { ok: true, claims }
}

/** RFC 9068, section 4: exactly the issuer, and this service among the audiences. */
function checkParties(claims: AccessTokenClaims, { issuer, audience }: Expected) {
  if (claims.iss !== issuer) return refuse('issuer', 'iss', 'The token is from another issuer.')
  const { aud } = claims
  if (!(typeof aud === 'string' ? aud === audience : aud.includes(audience))) {
    return refuse('audience', 'aud', 'The token is for another audience.')
  }
  return undefined
}

/** RFC 7519, sections 4.1.4 to 4.1.6, with the leeway that it allows. */
function checkTimes({ iat, exp, nbf, auth_time }: AccessTokenClaims, { now, clockToleranceSeconds }: Expected) {
  if (exp <= iat) return refuse('inconsistent', 'exp', 'The token ends before it begins.')
  if (now >= exp + clockToleranceSeconds) return refuse('expired', 'exp', 'The token has expired.')
  const latest = now + clockToleranceSeconds
  if (iat > latest) return refuse('not_yet_valid', 'iat', 'The token was issued in the future.')
  if (nbf !== undefined && nbf > latest) return refuse('not_yet_valid', 'nbf', 'The token is not valid yet.')
  if (auth_time !== undefined && auth_time > latest) {
    return refuse('not_yet_valid', 'auth_time', 'The login time of the token is in the future.')
  }
  return undefined
}

function refuse(fault: ClaimsFault, claim: string, description: string) {
  return { ok: false, fault, claim, description } as const
}
