import type { HeirloomClaims } from '@heirloom/claims'
import type { Client, Realm, RealmData } from './realm.ts'

/** The resource of the calls under /admin. A realm without it has no such calls. */
export const ADMINISTRATION = 'auth-server-admin'

export const ADMIN_SCOPES = [
  'admin:users:read',
  'admin:users:write',
  'admin:clients',
  'admin:keys',
  'admin:events',
] as const
export type AdminScope = (typeof ADMIN_SCOPES)[number]

const KNOWN: ReadonlySet<string> = new Set(ADMIN_SCOPES)

/** These administration scopes among others. */
export const adminScopesAmong = (scopes: readonly string[]): AdminScope[] =>
  ADMIN_SCOPES.filter((scope) => scopes.includes(scope))

/** The administration scopes that users with these roles can get. */
export const adminScopesOfRoles = (realm: Pick<Realm, 'roles'>, roles: readonly string[]): AdminScope[] =>
  adminScopesAmong(roles.flatMap((role) => realm.roles.get(role) ?? []))

/** Those of a client. */
export const adminScopesOfClient = ({ resources, scopes }: Pick<Client, 'resources' | 'scopes'>): AdminScope[] =>
  resources.includes(ADMINISTRATION) ? adminScopesAmong(scopes) : []

/**
 * The administration scopes that a change of the realm touches: of each client and role that is added, changed or removed,
 * and of the resource itself, before and after it.
 */
export function adminScopesTouched(before: RealmData, after: RealmData): AdminScope[] {
  const scopesOf = ({ resources, clients, roles }: RealmData) =>
    new Map<string, readonly [unknown, AdminScope[]]>([
      ...resources
        .filter(({ id }) => id === ADMINISTRATION)
        .map((one) => [`resource ${one.id}`, [one, adminScopesAmong(Object.keys(one.scopes))] as const] as const),
      ...clients.map((client) => [`client ${client.id}`, [client, adminScopesOfClient(client)] as const] as const),
      ...roles.map((role) => [`role ${role.name}`, [role, adminScopesAmong(role.scopes)] as const] as const),
    ])
  const [from, to] = [scopesOf(before), scopesOf(after)]
  const touched = [...new Set([...from.keys(), ...to.keys()])].filter(
    (key) => JSON.stringify(from.get(key)) !== JSON.stringify(to.get(key)),
  )
  return adminScopesAmong(touched.flatMap((key) => [...(from.get(key)?.[1] ?? []), ...(to.get(key)?.[1] ?? [])]))
}

/** What stands against this token at an administration call. */
export type AdminRefusal =
  /** It could be used elsewhere too. */
  | 'several_audiences'
  /** Its client or its session is over. */
  | 'ended'
  /** Its client may not have such a token, or neither the client nor the roles of the user grant the scope any more. */
  | 'insufficient'

/**
 * Judges a token by the realm and the user as they are now: administration does not wait for the token to expire.
 * @param claims of a genuine token that is for this resource, among others perhaps, and has the scope.
 * @param user null for a client that acts for itself. `isLive`: the session has not ended, and the account is enabled.
 */
export function refusalOfAdminToken(
  realm: Realm,
  claims: HeirloomClaims,
  scope: AdminScope,
  user: { isLive: boolean; roles: readonly string[] } | null,
): AdminRefusal | null {
  if (typeof claims.aud !== 'string') return 'several_audiences'
  const client = realm.clients.get(claims.client_id)
  if (!client || client.disabled) return 'ended'
  if (!adminScopesOfClient(client).includes(scope)) return 'insufficient'
  if (!user) {
    // A token has whole seconds: one of the same second may be from before.
    if ((client.endedBefore ?? 0) > claims.iat * 1000) return 'ended'
    return client.grants.includes('client_credentials') ? null : 'insufficient'
  }
  if (!client.firstParty) return 'insufficient'
  if (!user.isLive) return 'ended'
  return adminScopesOfRoles(realm, user.roles).includes(scope) ? null : 'insufficient'
}

/**
 * The administration scopes that a token still has: what the client or the roles of the user have lost since it was issued is
 * not among them.
 * @param roles of the user now. Null for a client that acts for itself.
 */
export function adminScopesNow(
  realm: Realm,
  { client_id: clientId, scope = '' }: Pick<HeirloomClaims, 'client_id' | 'scope'>,
  roles: readonly string[] | null,
): AdminScope[] {
  const client = realm.clients.get(clientId)
  const ofClient = client ? adminScopesOfClient(client) : []
  const ofUser = roles === null ? ofClient : adminScopesOfRoles(realm, roles)
  return adminScopesAmong(scope.split(' ')).filter((one) => ofClient.includes(one) && ofUser.includes(one))
}

/** Why a client may not name the resource, or null. An application of others must not administer for its users. */
export const faultOfAdminClient = ({ firstParty, grants }: Pick<Client, 'firstParty' | 'grants'>): string | null =>
  firstParty || grants.every((grant) => grant === 'client_credentials')
    ? null
    : `is ${ADMINISTRATION}, which only first-party clients may name, and those whose one grant is client_credentials`

/** What is wrong with a scope of this resource, or null. */
export const faultOfAdminScope = (resourceId: string, scope: string): string | null =>
  resourceId !== ADMINISTRATION || KNOWN.has(scope)
    ? null
    : `is not known: the scopes of ${ADMINISTRATION} are ${ADMIN_SCOPES.join(', ')}`
