// The realm: which services, roles and clients there are. It is data; nothing here knows the name of one.

/** How a client proves at the token endpoint who it is (RFC 7591, section 2, `token_endpoint_auth_method`). */
export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

/** `login` is the JSON call for first-party clients; the others are the grant types of RFC 6749. */
export const GRANT_TYPES = ['login', 'authorization_code', 'refresh_token', 'client_credentials'] as const
export type GrantType = (typeof GRANT_TYPES)[number]

/** The resource by which a realm names the auth server itself. In a token, its audience is the issuer. */
export const AUTH_SERVER = 'auth-server'

/** A service that trusts our access tokens. */
export interface Resource {
  /** What stands in `aud`: an absolute URI, or a bare name. */
  id: string
  /** For people. */
  name: string
  /** Each scope, and what it means in words for a consent page. */
  scopes: Readonly<Record<string, string>>
  /** The clients that may introspect its access tokens. */
  introspectors: readonly string[]
  /** Claims of its access tokens, and the attribute of the user that each one is. */
  claims: Readonly<Record<string, string>>
  /** Null: as the client or the settings say. */
  accessTokenTtlSeconds: number | null
}

export interface Role {
  name: string
  /** The scopes that it grants, of any resource. */
  scopes: readonly string[]
}

/** What a client may set for its own sessions. Null: as the settings say. */
export interface ClientPolicy {
  accessTokenTtlSeconds: number | null
  refreshIdleTtlSeconds: number | null
  refreshAbsoluteTtlSeconds: number | null
  refreshGraceSeconds: number | null
  refreshLateRepeatGap: number | 'off' | null
}

export interface Client {
  id: string
  /** For people. */
  name: string
  auth: AuthMethod
  /** SHA-256 of each secret that is valid now, in hex. Two during a rotation, none for a public client. */
  secretHashes: readonly string[]
  redirectUris: readonly string[]
  grants: readonly GrantType[]
  /** What it may ask for, and what it gets if it asks for nothing. `auth-server` is the auth server itself. */
  resources: readonly string[]
  scopes: readonly string[]
  /** Web origins whose pages may use this client. */
  origins: readonly string[]
  firstParty: boolean
  policy: ClientPolicy
  disabled: boolean
  /** Its sessions that were opened before are over. It only grows. Milliseconds since the epoch, or null. */
  endedBefore: number | null
}

/** As a realm file and the tables have it. */
export interface RealmData {
  resources: readonly Resource[]
  roles: readonly Role[]
  clients: readonly Client[]
  /** The client of a login that names none, or null. */
  defaultClient: string | null
  /** The roles of a new user. */
  defaultRoles: readonly string[]
}

/**
 * The data, ready to be looked up. It never changes; a new one takes its place. The scopes of a client are in the order of
 * the realm. Only first-party clients have the auth server among their resources.
 */
export interface Realm extends Pick<RealmData, 'defaultClient' | 'defaultRoles'> {
  readonly resources: ReadonlyMap<string, Resource>
  readonly clients: ReadonlyMap<string, Client>
  /** The scopes that each role grants. */
  readonly roles: ReadonlyMap<string, readonly string[]>
  /** The resource that each scope belongs to, in the order in which tokens list the scopes. */
  readonly scopes: ReadonlyMap<string, string>
  /** Every web origin of a client, and the client with the grant `login` that it belongs to, or null. */
  readonly origins: ReadonlyMap<string, Client | null>
}

export function realmOf({ resources, roles, clients, defaultClient, defaultRoles }: RealmData): Realm {
  const known = new Map(resources.map((resource) => [resource.id, resource]))
  const scopeIds = new Map(resources.flatMap(({ id, scopes }) => Object.keys(scopes).map((scope) => [scope, id])))
  const order = new Map([...scopeIds.keys()].map((scope, i) => [scope, i]))
  const placeOf = (scope: string) => order.get(scope) ?? 0
  const usable = (client: Client): Client => ({
    ...client,
    resources: client.resources.filter((id) => (id === AUTH_SERVER ? client.firstParty : known.has(id))),
    scopes: client.scopes.filter((scope) => order.has(scope)).toSorted((a, b) => placeOf(a) - placeOf(b)),
  })
  const usableClients = clients.map(usable)
  return {
    resources: known,
    clients: new Map(usableClients.map((client) => [client.id, client])),
    roles: new Map(roles.map(({ name, scopes }) => [name, scopes])),
    scopes: scopeIds,
    origins: originsOf(usableClients),
    defaultClient,
    defaultRoles,
  }
}

/** `realmFaults` lets an origin have one client with the grant `login`, and any number of others. */
function originsOf(clients: readonly Client[]): Realm['origins'] {
  const origins = new Map<string, Client | null>()
  for (const client of clients)
    for (const origin of client.origins)
      origins.set(origin, client.grants.includes('login') ? client : (origins.get(origin) ?? null))
  return origins
}

/** The realm as it is now. Answering takes no store and no time. */
export interface RealmSource {
  current: () => Realm
}
