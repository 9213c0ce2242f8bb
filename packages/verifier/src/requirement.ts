import type { AccessTokenClaims } from '@heirloom/claims'
import { type Refusal, refuse } from './refusal.ts'

/** What a route requires beyond a good token. */
export interface Requirement {
  /** One scope, or several with spaces between them. The token must have all of them. */
  readonly scope?: string
  /** A role that must be in the claim `roles`. */
  readonly role?: string
}

/** RFC 6749, section 3.3: visible ASCII without `"` and `\`, separated by single spaces. */
const SCOPES = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/** Whether this is one scope token, or several with single spaces between them. */
export const isScope = (value: unknown): value is string => typeof value === 'string' && SCOPES.test(value)

/**
 * A guard without a scope or role to require, because of a typing error or an unset variable, would let every token in. So
 * a requirement is checked when its guard is made.
 * @throws TypeError for a member that does not exist or has no value.
 */
export function checkRequirement(requirement: Requirement): Requirement {
  for (const [name, value] of Object.entries(requirement) as [string, unknown][]) {
    if (name !== 'scope' && name !== 'role')
      throw new TypeError(`A guard can require "scope" and "role", not "${name}".`)
    if (typeof value !== 'string' || value === '')
      throw new TypeError(`A guard's ${name} must be a string that is not empty.`)
    if (name === 'scope' && !isScope(value)) {
      throw new TypeError(
        "A guard's scope must be scope tokens with single spaces between them (RFC 6749, section 3.3).",
      )
    }
  }
  return requirement
}

/** Returns why these claims do not meet the requirement, or undefined if they do. */
export function unmetRequirement({ scope, role }: Requirement, claims: AccessTokenClaims): Refusal | undefined {
  if (scope !== undefined) {
    const granted = claims.scope?.split(' ') ?? []
    if (!scope.split(' ').every((token) => granted.includes(token))) {
      return refuse('scope_insufficient', `This call needs the scope ${scope}.`)
    }
  }
  // The roles of another issuer may have any form.
  if (role !== undefined && !(Array.isArray(claims.roles) && claims.roles.includes(role))) {
    return refuse('role_insufficient', `This call needs the role ${role}.`)
  }
  return undefined
}
