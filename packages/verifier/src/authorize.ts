import type { AccessTokenClaims } from '@heirloom/claims'
import { bearerToken } from './bearer-token.ts'
import { type Requirement, unmetRequirement } from './requirement.ts'
import type { Verdict, Verifier } from './verifier.ts'

/** The whole of it for one request: find the token, check it, and see whether it is enough. */
export function authorize<Claims extends AccessTokenClaims>(
  verifier: Verifier<Claims>,
  rawHeaders: readonly string[],
  url: string,
  need: Requirement,
): Verdict<Claims> | Promise<Verdict<Claims>> {
  const token = bearerToken(rawHeaders, url)
  if (typeof token !== 'string') return token
  const verdict = verifier.verify(token)
  return verdict instanceof Promise
    ? verdict.then((late) => checkSufficient(late, need))
    : checkSufficient(verdict, need)
}

function checkSufficient<Claims extends AccessTokenClaims>(
  verdict: Verdict<Claims>,
  need: Requirement,
): Verdict<Claims> {
  return (verdict.ok && unmetRequirement(need, verdict.claims)) || verdict
}
