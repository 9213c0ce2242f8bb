import type { AccessTokenClaims } from '@heirloom/claims'
import { type Refusal, refuse } from './refusal.ts'

/** What a route needs beyond a good token. */
export interface Requirement {
  /** One scope, or several with spaces between them: the token must have all of them. */
  readonly scope?: string
  /** A role that must be among the claim `roles`. */
  readonly role?: string
}

/** RFC 6749, section 3.3: visible ASCII but `"` and `\`. Several are separated by single spaces. */
const SCOPES = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/**
 * A guard that was given nothing to ask for, by a typing error or an unset variable, would let everybody in. So a need is
 * checked when the guard is made.
 * @throws TypeError for a member that does not exist, or has no value.
 */
export function checkRequirement(need: Requirement): Requirement {
  for (const [name, value] of Object.entries(need) as [string, unknown][]) {
    if (name !== 'scope' && name !== 'role') throw new TypeError(`A guard knows "scope" and "role", not "${name}".`)
    if (typeof value !== 'string' || value === '')
      throw new TypeError(`A guard's ${name} must be a string that is not empty.`)
    if (name === 'scope' && !SCOPES.test(value)) {
      throw new TypeError(
        "A guard's scope must be scope tokens with single spaces between them (RFC 6749, section 3.3).",
      )
    }
  }
  return need
}

/** Answers why these claims are too little, or undefined when they are enough. */
export function unmetRequirement({ scope, role }: Requirement, claims: AccessTokenClaims): Refusal | undefined {
  if (scope !== undefined) {
    const granted = claims.scope?.split(' ') ?? []
    if (!scope.split(' ').every((token) => granted.includes(token))) {
      return refuse('scope_insufficient', `This needs the scope ${scope}.`)
    }
  }
  // Another issuer's roles may have any form.
  if (role !== undefined && !(Array.isArray(claims.roles) && claims.roles.includes(role))) {
    return refuse('role_insufficient', `This needs the role ${role}.`)
  }
  return undefined
}
