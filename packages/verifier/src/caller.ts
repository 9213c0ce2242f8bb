import type { AccessTokenClaims, HeirloomClaims } from '@heirloom/claims'
import type { Requirement } from './requirement.ts'

/** From the global symbol registry, so that two copies of this package in one process share it. */
const CALLER = Symbol.for('@heirloom/verifier caller')

const REQUIRED_SCOPES = Symbol.for('@heirloom/verifier required scopes')

interface CheckedRequest {
  [CALLER]?: AccessTokenClaims
  [REQUIRED_SCOPES]?: string
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

/** Notes that a guard accepted this request. */
export function setCaller(request: object, claims: AccessTokenClaims, requirement: Requirement): void {
  const checked = request as CheckedRequest
  checked[CALLER] = claims
  checked.user = claims
  const { scope } = requirement
  if (scope === undefined) return
  const before = checked[REQUIRED_SCOPES]
  checked[REQUIRED_SCOPES] = before === undefined ? scope : joinScopes(before, scope)
}

/**
 * What a request requires as a whole, for one challenge that names all scopes: what its earlier guards required, this one,
 * and those that would follow, if they are known.
 */
export function wholeRequirement(request: object, { scope }: Requirement, following?: string): Requirement {
  const all = joinScopes((request as CheckedRequest)[REQUIRED_SCOPES], scope, following)
  return all === '' ? {} : { scope: all }
}

const joinScopes = (...scopes: (string | undefined)[]) =>
  [...new Set(scopes.flatMap((scope) => scope?.split(' ') ?? []))].join(' ')
