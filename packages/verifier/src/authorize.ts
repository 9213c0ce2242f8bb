import type { AccessTokenClaims } from '@heirloom/claims'
import { bearerToken } from './bearer-token.ts'
import { type Requirement, unmetRequirement } from './requirement.ts'
import type { Verdict, Verifier } from './verifier.ts'

/** Everything for one request: finds the token, checks it, and checks that it meets the requirement. */
export function authorize<Claims extends AccessTokenClaims>(
  verifier: Verifier<Claims>,
  rawHeaders: readonly string[],
  url: string,
  requirement: Requirement,
): Verdict<Claims> | Promise<Verdict<Claims>> {
  const token = bearerToken(rawHeaders, url)
  if (typeof token !== 'string') return token
  const verdict = verifier.verify(token)
  return verdict instanceof Promise
    ? verdict.then((late) => checkSufficient(late, requirement))
    : checkSufficient(verdict, requirement)
}

function checkSufficient<Claims extends AccessTokenClaims>(
  verdict: Verdict<Claims>,
  requirement: Requirement,
): Verdict<Claims> {
  return (verdict.ok && unmetRequirement(requirement, verdict.claims)) || verdict
}
