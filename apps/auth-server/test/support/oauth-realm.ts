import { createHash, randomBytes } from 'node:crypto'
import { AUTH_SERVER, type Client, type RealmData } from '../../src/rules/realm.ts'
import { SETTINGS_ALONE, aResource } from './realm.ts'

export const FILES = 'https://files.example'
export const MAIL = 'https://mail.example/v1'

const client = (changes: Partial<Client> & { id: string }): Client => ({
  name: changes.id,
  auth: 'none',
  secretHashes: [],
  redirectUris: [],
  grants: ['refresh_token'],
  resources: [FILES],
  scopes: ['files:read', 'files:write'],
  origins: [],
  firstParty: false,
  policy: SETTINGS_ALONE,
  disabled: false,
  endedBefore: null,
  ...changes,
})

/** The secret of each client that has one. */
const secrets = new Map<string, string>()
export const secretOf = (id: string): string => {
  const secret = secrets.get(id) ?? randomBytes(32).toString('base64url')
  secrets.set(id, secret)
  return secret
}
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
const withSecret = (
  auth: 'client_secret_basic' | 'client_secret_post',
  changes: Partial<Client> & { id: string },
): Client => client({ auth, secretHashes: [hashOf(secretOf(changes.id))], ...changes })

/** A client of each kind. */
export const CLIENTS: readonly Client[] = [
  client({ id: 'web', grants: ['login', 'refresh_token'], resources: [FILES, AUTH_SERVER], firstParty: true }),
  client({ id: 'phone' }),
  withSecret('client_secret_basic', { id: 'shop' }),
  withSecret('client_secret_post', {
    id: 'desk',
    resources: [FILES, MAIL],
    scopes: ['files:read', 'files:write', 'mail:send'],
  }),
  withSecret('client_secret_basic', { id: 'nightly', grants: ['client_credentials'], scopes: ['files:read'] }),
  withSecret('client_secret_post', {
    id: 'https://robot.example/a b',
    grants: ['client_credentials', 'refresh_token'],
    resources: [FILES, MAIL],
    scopes: ['mail:send'],
  }),
  withSecret('client_secret_basic', { id: 'files-service', grants: [], resources: [], scopes: [] }),
  withSecret('client_secret_basic', { id: 'mail-service', grants: [], resources: [], scopes: [] }),
]

/** Two services, each introspected by a client of its own, and a role that may do everything. */
export const OAUTH_REALM: RealmData = {
  resources: [
    { ...aResource(FILES, 'files:read', 'files:write'), introspectors: ['files-service'] },
    { ...aResource(MAIL, 'mail:send'), introspectors: ['mail-service'], accessTokenTtlSeconds: 60 },
  ],
  roles: [{ name: 'user', scopes: ['files:read', 'files:write', 'mail:send'] }],
  clients: CLIENTS,
  defaultClient: 'web',
  defaultRoles: ['user'],
}
