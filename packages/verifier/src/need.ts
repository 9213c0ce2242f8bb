import type { AccessTokenClaims } from '@heirloom/claims'
import { type Refusal, refuse } from './refusal.ts'

/** What a route needs beyond a good token. */
export interface Need {
  /** One scope, or several with spaces between them: the token must have all of them. */
  readonly scope?: string
  /** A role that must be among the claim `roles`. */
  readonly role?: string
}

/** Answers why these claims are too little, or undefined when they are enough. */
export function lacking({ scope, role }: Need, claims: AccessTokenClaims): Refusal | undefined {
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
