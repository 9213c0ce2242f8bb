/** Which scopes each role grants. A user has the union. */
export interface ScopeTable {
  readonly roles: readonly string[]
  /** Every scope once, in the order in which tokens list them. */
  readonly scopes: readonly string[]
  readonly scopesOf: ReadonlyMap<string, readonly string[]>
}

export function scopeTable(scopesOfRole: Readonly<Record<string, readonly string[]>>): ScopeTable {
  const scopesOf = new Map(Object.entries(scopesOfRole))
  return { roles: [...scopesOf.keys()], scopes: [...new Set([...scopesOf.values()].flat())], scopesOf }
}

/**
 * Narrows the requested scope to what the roles grant (RFC 6749, section 3.3). Without a request, it is everything that they
 * grant. Empty if nothing is left. Roles that are not in the table grant nothing.
 */
export function narrowScope(roles: readonly string[], asked: string | undefined, table: ScopeTable): string {
  const granted = new Set(roles.flatMap((role) => table.scopesOf.get(role) ?? []))
  const wanted = asked === undefined ? granted : new Set(asked.split(' '))
  return table.scopes.filter((scope) => granted.has(scope) && wanted.has(scope)).join(' ')
}
