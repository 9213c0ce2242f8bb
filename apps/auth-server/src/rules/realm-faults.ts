import { ADMINISTRATION, faultOfAdminClient, faultOfAdminScope } from './administration.ts'
import { faultOfClaim } from './attribute-claims.ts'
import { AUTH_SERVER, type Client, type RealmData } from './realm.ts'
import type { RealmFault } from './realm-file.ts'
import { isUuid } from './uuid.ts'

/** Ids of clients that begin with this are the auth server's own: no realm can have one. */
export const RESERVED_CLIENT_PREFIX = 'heirloom:'

type Report = (path: RealmFault['path'], text: string, refersTo?: RealmFault['refersTo']) => void

/** Everything that is wrong with a realm. The form of its values is checked before, by `shapeFaults`. */
export function realmFaults(realm: RealmData, { issuer }: { issuer: string }): RealmFault[] {
  const faults: RealmFault[] = []
  const report: Report = (path, text, refersTo) => faults.push({ path, text, ...(refersTo && { refersTo }) })
  checkResources(realm, issuer, report)
  const scopes = new Set(realm.resources.flatMap((resource) => Object.keys(resource.scopes)))
  for (const { name, scopes: granted } of realm.roles) {
    // Scopes and roles of a user stand in claims and in Redis, separated by spaces.
    if (!/^[\x21-\x7e]{1,100}$/.test(name))
      report(['roles', name], 'must have a name of up to 100 printable ASCII characters without spaces')
    checkEach(
      granted,
      ['roles', name],
      report,
      (scope) => (scopes.has(scope) ? null : noScope(scope)),
      () => ['resources'],
    )
  }
  const clients = new Map(realm.clients.map((client) => [client.id, client]))
  const owners = new Map<string, string>()
  for (const client of realm.clients) checkClient(client, realm, owners, report)
  for (const { id, introspectors } of realm.resources)
    checkEach(
      introspectors,
      ['resources', id, 'introspectors'],
      report,
      (one) => {
        const client = clients.get(one)
        if (!client) return noClient(one)
        return client.auth === 'none' ? `is the public client ${shown(one)}: an introspector must have a secret` : null
      },
      (one) => ['clients', one],
    )
  checkDefaults(realm, clients, report)
  return faults
}

const shown = (text: string) => JSON.stringify(text)
const noScope = (scope: string) => `is ${shown(scope)}, which is no scope of any resource`
const noClient = (id: string) => `is ${shown(id)}, and there is no such client`

function checkEach(
  items: readonly string[],
  path: RealmFault['path'],
  report: Report,
  faultOf: (item: string) => string | null,
  refersTo?: (item: string) => readonly string[],
): void {
  for (const [i, item] of items.entries()) {
    const fault = faultOf(item)
    if (fault !== null) report([...path, i], fault, refersTo?.(item))
  }
}

/** How two spellings of one resource are compared: URIs after `new URL()`, bare names as they are. */
const sameResource = (id: string): string => (id.includes(':') ? (URL.parse(id)?.href ?? id) : id)

function checkResources({ resources }: RealmData, issuer: string, report: Report): void {
  const spelt = new Map<string, string>()
  const owners = new Map<string, string>()
  const attributes = new Map<string, string>()
  for (const { id, scopes, claims } of resources) {
    const path = ['resources', id]
    const fault = faultOfResourceId(id, issuer)
    const other = spelt.get(sameResource(id))
    if (fault !== null) report(path, fault)
    else if (other !== undefined) report(path, `is the same URI as ${shown(other)}`)
    spelt.set(sameResource(id), id)
    for (const scope of Object.keys(scopes)) {
      const owner = owners.get(scope)
      const adminFault = faultOfAdminScope(id, scope)
      // RFC 6749, section 3.3: scope-token.
      if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(scope))
        report(
          [...path, 'scopes', scope],
          'must have a name of up to 100 printable ASCII characters without spaces, quotes and backslashes (RFC 6749, 3.3)',
        )
      else if (adminFault !== null) report([...path, 'scopes', scope], adminFault)
      else if (owner !== undefined)
        report([...path, 'scopes', scope], `is also a scope of ${shown(owner)}: a scope belongs to one resource`)
      owners.set(scope, id)
    }
    for (const [claim, attribute] of Object.entries(claims)) {
      const known = attributes.get(claim)
      const claimFault = faultOfClaim(claim, attribute)
      if (claimFault !== null) report([...path, 'claims', claim], claimFault)
      // A token may be for several resources.
      else if (known !== undefined && known !== attribute)
        report(
          [...path, 'claims', claim],
          `is the attribute ${shown(known)} in another resource: a claim means one thing`,
        )
      else attributes.set(claim, attribute)
    }
  }
}

function faultOfResourceId(id: string, issuer: string): string | null {
  if (id === AUTH_SERVER) return 'is how a realm names the auth server itself: choose another id'
  if (!/^[\x21-\x7e]{1,200}$/.test(id)) return 'must be up to 200 printable ASCII characters without spaces'
  if (!id.includes(':'))
    return /^[\w.~-]+$/.test(id) ? null : 'must be an absolute URI, or a name of letters, digits and . _ ~ -'
  const url = URL.parse(id)
  if (!url) return 'must be an absolute URI, or a name of letters, digits and . _ ~ -'
  if (id.includes('#')) return 'must have no fragment (RFC 8707, section 2)'
  if (url.username || url.password) return 'must contain no user and no password'
  return sameResource(id) === sameResource(issuer) ? 'is the issuer: name it as `auth-server` in a client' : null
}

function faultOfClientId(id: string): string | null {
  if (!/^[\x21-\x7e]{1,200}$/.test(id)) return 'must have an id of up to 200 printable ASCII characters without spaces'
  // RFC 9700, section 4.15: the subject of a token without a user is the client's id.
  if (isUuid(id)) return 'must not have the form of a user id (RFC 9700, section 4.15)'
  return id.toLowerCase().startsWith(RESERVED_CLIENT_PREFIX)
    ? `must not begin with ${RESERVED_CLIENT_PREFIX}, which is for clients of the auth server itself`
    : null
}

function checkClient(client: Client, realm: RealmData, originOwners: Map<string, string>, report: Report): void {
  const path = ['clients', client.id]
  const { auth, grants, firstParty, policy } = client
  const idFault = faultOfClientId(client.id)
  if (idFault !== null) report(path, idFault)

  if (auth === 'none' && client.secretHashes.length > 0)
    report([...path, 'secret_sha256'], 'is for clients with a secret, and `auth` is none')
  checkEach(grants, [...path, 'grants'], report, (grant) => {
    if (grant === 'client_credentials' && auth === 'none')
      return 'is client_credentials, which needs a client with a secret: `auth` is none'
    if (grant === 'login' && !firstParty) return 'is login, which only first-party clients may have'
    return grant === 'login' && auth !== 'none' ? 'is login, which needs `auth: none`' : null
  })
  checkEach(
    client.resources,
    [...path, 'resources'],
    report,
    (id) => {
      if (id === AUTH_SERVER) return firstParty ? null : 'is auth-server, which only first-party clients may name'
      if (realm.resources.some((one) => one.id === id)) return id === ADMINISTRATION ? faultOfAdminClient(client) : null
      const same = realm.resources.find((one) => sameResource(one.id) === sameResource(id))
      return same ? `must be spelt as the resource is: ${same.id}` : `is ${shown(id)}, and there is no such resource`
    },
    (id) => ['resources', id],
  )
  checkEach(
    client.scopes,
    [...path, 'scopes'],
    report,
    (scope) => {
      const owner = realm.resources.find((resource) => Object.hasOwn(resource.scopes, scope))
      if (!owner) return noScope(scope)
      return client.resources.includes(owner.id)
        ? null
        : `is ${shown(scope)}, a scope of ${shown(owner.id)}, which is not among the resources of the client`
    },
    () => ['resources'],
  )
  checkEach(client.redirectUris, [...path, 'redirect_uris'], report, faultOfRedirectUri)
  checkEach(
    client.origins,
    [...path, 'origins'],
    report,
    (origin) => {
      const fault = faultOfOrigin(origin)
      if (fault !== null || !grants.includes('login')) return fault
      const owner = originOwners.get(origin) ?? client.id
      originOwners.set(origin, owner)
      return owner === client.id ? null : `belongs to the client ${shown(owner)}: an origin has one client with login`
    },
    () => ['clients'],
  )
  const { refreshIdleTtlSeconds: idle, refreshAbsoluteTtlSeconds: absolute } = policy
  if (idle !== null && absolute !== null && idle > absolute)
    report([...path, 'refresh_idle_ttl_seconds'], 'must not be longer than refresh_absolute_ttl_seconds')
}

const isLoopback = ({ hostname }: URL) => ['localhost', '127.0.0.1', '[::1]'].includes(hostname)

/** RFC 9700, section 2.1; RFC 8252, section 7. */
function faultOfRedirectUri(uri: string): string | null {
  const url = /^[\x21-\x7e]{1,2000}$/.test(uri) && !uri.includes('\\') ? URL.parse(uri) : null
  if (!url) return 'must be an absolute URI of printable ASCII characters'
  if (uri.includes('#')) return 'must have no fragment (RFC 6749, section 3.1.2)'
  if (uri.includes('*')) return 'must have no wildcard: redirect URIs are compared to the letter'
  if (url.username || url.password) return 'must contain no user and no password'
  if (url.protocol === 'https:' || url.protocol === 'http:') {
    if (!/^https?:\/\/[^/]/.test(uri)) return 'must have // and a host after its scheme'
    return url.protocol === 'https:' || isLoopback(url)
      ? null
      : 'must be https: http is for 127.0.0.1, [::1] and localhost'
  }
  return url.protocol.includes('.')
    ? null
    : `must be https, http on this machine, or a scheme with a dot, such as com.example.app (RFC 8252, section 7.1)`
}

/** RFC 6454, section 6.2. */
function faultOfOrigin(origin: string): string | null {
  const url = URL.parse(origin)
  if (!url || !['https:', 'http:'].includes(url.protocol)) return 'must be an origin, such as https://app.example.com'
  if (origin.includes('*')) return 'must be one origin, without a wildcard'
  return url.origin === origin ? null : `must be an origin, without path and default port: ${url.origin}`
}

function checkDefaults(realm: RealmData, clients: ReadonlyMap<string, Client>, report: Report): void {
  const { defaultClient, defaultRoles } = realm
  if (defaultClient !== null) {
    const client = clients.get(defaultClient)
    if (!client) report(['default_client'], noClient(defaultClient), ['clients', defaultClient])
    else if (!client.grants.includes('login'))
      report(['default_client'], `is ${shown(defaultClient)}, which has not the grant login`, [
        'clients',
        defaultClient,
      ])
  }
  const roles = new Set(realm.roles.map(({ name }) => name))
  checkEach(
    defaultRoles,
    ['default_roles'],
    report,
    (role) => (roles.has(role) ? null : `is ${shown(role)}, and there is no such role`),
    (role) => ['roles', role],
  )
}
