import type { Client, Realm } from './realm.ts'

interface Narrowing {
  client: Client
  /** By their ids. */
  resources: readonly string[]
  /** The user's roles, or null for a token without a user. A role that is not in the realm grants nothing. */
  roles: readonly string[] | null
  /** The scope of the grant. Undefined when the grant is made. */
  granted?: string | undefined
  /** The scope that the request asks for. Undefined asks for all. */
  asked?: string | undefined
}

/**
 * Narrows a scope (RFC 6749, section 3.3) to what the client may ask for at these resources, what the roles grant, and what
 * was granted before. In the order of the realm. Null if nothing is left although something could have been; empty if there
 * is nothing to ask for, as at the auth server, which has no scopes.
 */
export function narrowScope(realm: Realm, { client, resources, roles, granted, asked }: Narrowing): string | null {
  const isHere = (scope: string) => resources.includes(realm.scopes.get(scope) ?? '')
  const possible = granted === '' ? [] : client.scopes.filter(isHere)
  const fromRoles = roles?.flatMap((role) => realm.roles.get(role) ?? [])
  const limits = [fromRoles, granted?.split(' '), asked?.split(' ')]
  const scope = possible.filter((one) => limits.every((limit) => limit === undefined || limit.includes(one))).join(' ')
  return scope === '' && (possible.length > 0 || asked !== undefined) ? null : scope
}
