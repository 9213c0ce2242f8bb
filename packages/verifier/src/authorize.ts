import type { AccessTokenClaims } from '@heirloom/claims'
import { bearerToken } from './bearer-token.ts'
import { type Need, lacking } from './need.ts'
import type { Verdict, Verifier } from './verifier.ts'

/** The whole of it for one request: find the token, check it, and see whether it is enough. */
export function authorize<Claims extends AccessTokenClaims>(
  verifier: Verifier<Claims>,
  rawHeaders: readonly string[],
  url: string,
  need: Need,
): Verdict<Claims> | Promise<Verdict<Claims>> {
  const token = bearerToken(rawHeaders, url)
  if (typeof token !== 'string') return token
  const verdict = verifier.verify(token)
  return verdict instanceof Promise ? verdict.then((late) => weigh(late, need)) : weigh(verdict, need)
}

function weigh<Claims extends AccessTokenClaims>(verdict: Verdict<Claims>, need: Need): Verdict<Claims> {
  return (verdict.ok && lacking(need, verdict.claims)) || verdict
}
