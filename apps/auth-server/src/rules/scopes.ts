import type { Realm } from './realm.ts'

/**
 * Narrows the requested scope to what the roles grant (RFC 6749, section 3.3). Without a request, it is everything that they
 * grant. Empty if nothing is left. Roles that are not in the realm grant nothing.
 */
export function narrowScope(roles: readonly string[], asked: string | undefined, realm: Realm): string {
  const granted = new Set(roles.flatMap((role) => realm.roles.get(role) ?? []))
  const wanted = asked === undefined ? granted : new Set(asked.split(' '))
  return [...realm.scopes.keys()].filter((scope) => granted.has(scope) && wanted.has(scope)).join(' ')
}
