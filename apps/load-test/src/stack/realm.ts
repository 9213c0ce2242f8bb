import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { Login, LoginWay } from '../engine/login.ts'

const REDIRECT_URI = 'https://app.example/callback'

/**
 * Writes the realm of a stack of its own: that of `npm start`, with a client for each way to log in.
 * @returns how clients log in there.
 */
export function writeRealm(path: string): Record<LoginWay, Login> {
  const secret = randomBytes(32).toString('base64url')
  const scopes = { 'reports:read': 'Read reports', 'reports:write': 'Write reports' }
  const clients = {
    web: { first_party: true, grants: ['login', 'refresh_token'], resources: ['resource-api', 'auth-server'] },
    app: { resources: ['resource-api'], redirect_uris: [REDIRECT_URI] },
    worker: {
      auth: 'client_secret_basic',
      secret_sha256: [createHash('sha256').update(secret).digest('hex')],
      grants: ['client_credentials'],
      resources: ['resource-api'],
      scopes: ['reports:read'],
    },
  }
  const realm = {
    resources: { 'resource-api': { name: 'Reports', scopes } },
    roles: { user: ['reports:read'] },
    default_roles: ['user'],
    clients,
    default_client: 'web',
  }
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(realm))
  return {
    password: { way: 'password' },
    code: { way: 'code', clientId: 'app', redirectUri: REDIRECT_URI },
    'client-credentials': { way: 'client-credentials', clientId: 'worker', secret },
  }
}
