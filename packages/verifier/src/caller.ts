import type { AccessTokenClaims, HeirloomClaims } from '@heirloom/claims'

/** From the global symbol registry, so that two copies of this package in one process share it. */
const CALLER = Symbol.for('@heirloom/verifier caller')

interface CheckedRequest {
  [CALLER]?: AccessTokenClaims
  user?: unknown
}

/**
 * The claims of the token that a guard accepted for this request, in Fastify, Express and Connect alike. They are also at
 * `request.user`; this function has their type, and other packages may claim `user` for themselves.
 * @throws Error on a route without a guard. It never returns null, so a forgotten guard cannot go unnoticed.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the service knows which profile its guards check
export function callerOf<Claims extends AccessTokenClaims = HeirloomClaims>(request: object): Claims {
  const claims = (request as CheckedRequest)[CALLER]
  if (!claims) throw new Error('callerOf: no guard of @heirloom/verifier has accepted a token for this request.')
  return claims as Claims
}

export function setCaller(request: object, claims: AccessTokenClaims): void {
  const checked = request as CheckedRequest
  checked[CALLER] = claims
  checked.user = claims
}
