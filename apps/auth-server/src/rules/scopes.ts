/** What each role grants. A user has the union. */
const SCOPES_OF_ROLE = {
  user: ['reports:read'],
  editor: ['reports:read', 'reports:write'],
  admin: ['reports:read', 'reports:write'],
} as const

export type Role = keyof typeof SCOPES_OF_ROLE

export const ROLES = Object.keys(SCOPES_OF_ROLE) as readonly Role[]
export const SCOPES = [...new Set(Object.values(SCOPES_OF_ROLE).flat())]

const isRole = (name: string): name is Role => Object.hasOwn(SCOPES_OF_ROLE, name)

/**
 * The scope that is asked for, narrowed to what the roles grant; all that they grant where none is asked for. Empty where
 * nothing is left. RFC 6749, section 3.3.
 */
export function narrowScope(asked: string | undefined, roles: readonly string[]): string {
  const granted = new Set(roles.filter(isRole).flatMap((role) => SCOPES_OF_ROLE[role]))
  const wanted = new Set<string>(asked === undefined ? granted : asked.split(' '))
  return SCOPES.filter((scope) => granted.has(scope) && wanted.has(scope)).join(' ')
}
