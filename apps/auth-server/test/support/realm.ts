import { AUTH_SERVER, type Client, type ClientPolicy, type RealmData, type Resource } from '../../src/rules/realm.ts'

export const SETTINGS_ALONE: ClientPolicy = {
  accessTokenTtlSeconds: null,
  refreshIdleTtlSeconds: null,
  refreshAbsoluteTtlSeconds: null,
  refreshGraceSeconds: null,
  refreshLateRepeatGap: null,
}

/** The one client that tests start from: first-party and public, for the two services of `aRealm`. */
export const aClient = (changes: Partial<Client> = {}): Client => ({
  id: 'web',
  name: 'Web',
  auth: 'none',
  secretHashes: [],
  redirectUris: [],
  grants: ['login', 'refresh_token'],
  resources: ['files', AUTH_SERVER],
  scopes: ['read', 'write', 'delete'],
  origins: [],
  firstParty: true,
  policy: SETTINGS_ALONE,
  disabled: false,
  endedBefore: null,
  ...changes,
})

export const aResource = (id: string, ...scopes: string[]): Resource => ({
  id,
  name: id,
  scopes: Object.fromEntries(scopes.map((scope) => [scope, `May ${scope}`])),
  introspectors: [],
  claims: {},
  accessTokenTtlSeconds: null,
})

/** Two services, three roles, and the clients that a test is about. */
export const aRealm = (...clients: Client[]): RealmData => ({
  resources: [aResource('files', 'read', 'write', 'delete'), aResource('https://mail.example/api', 'mail:send')],
  roles: [
    { name: 'reader', scopes: ['read'] },
    { name: 'writer', scopes: ['read', 'write', 'mail:send'] },
    { name: 'owner', scopes: ['write', 'delete'] },
  ],
  clients,
  defaultClient: clients[0]?.id ?? null,
  defaultRoles: ['reader'],
})
