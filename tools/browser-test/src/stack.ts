import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AUTH_SERVER, RESOURCE_API, WITHOUT_LIMITS, newSecrets } from '@heirloom/harness/services'
import { type Service, startService } from '@heirloom/local-stack'
import { type Network, startNetwork } from './network.ts'
import { type Site, startSite } from './site.ts'

export const USER = { username: 'ann', password: 'a long and quiet walk' }

/** Both services, a web site, and the network to the auth server. */
export interface Stack {
  site: Site
  network: Network
  /** Registers a user. */
  register(user: { username: string; password: string }): Promise<void>
  stop(): Promise<void>
}

interface StackOptions {
  databaseUrl: string
  redisUrl: string
  /** An empty folder for the realm's file. */
  folder: string
  settings?: Record<string, string>
}

export async function startStack({ databaseUrl, redisUrl, folder, settings }: StackOptions): Promise<Stack> {
  const [network, site] = [await startNetwork(), await startSite()]
  const REALM_FILE = join(folder, 'realm.yaml')
  await writeFile(REALM_FILE, realm(site))
  const env = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ISSUER: network.url, REALM_FILE }
  const auth = await startService({
    script: AUTH_SERVER,
    env: { ...env, ...newSecrets(), ...WITHOUT_LIMITS, LOG_LEVEL: 'warn', ...settings },
  })
  let api: Service | undefined
  const stop = async () => {
    network.close()
    site.close()
    await Promise.all([auth.stop(), api?.stop()])
  }
  try {
    network.leadTo(auth.url)
    await auth.ready()
    const jwks = `${auth.url}/.well-known/jwks.json`
    api = await startService({ script: RESOURCE_API, env: { ISSUER: network.url, JWKS_URI: jwks } })
    site.leadTo(api.url)
    await api.ready()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    site,
    network,
    async register(user) {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${auth.url}/auth/register`, { method: 'POST', headers, body: JSON.stringify(user) })
      if (answer.status !== 201) throw new Error(`/auth/register answers ${answer.status}`)
    },
    stop,
  }
}

/** `web` has the cookie, `notes` and `own` the code flow, with and without consent. */
const realm = ({ origin, foreignOrigin }: Site) => `
resources:
  resource-api: { name: Reports, scopes: { 'reports:read': Read reports, 'reports:write': Write reports } }
roles: { user: ['reports:read'] }
default_roles: [user]
default_client: web
clients:
  web:
    { name: Web, first_party: true, grants: [login, refresh_token], resources: [resource-api, auth-server], origins: ['${origin}'] }
  notes:
    name: Notes
    grants: [authorization_code, refresh_token]
    redirect_uris: ['${foreignOrigin}/notes']
    resources: [resource-api]
    origins: ['${foreignOrigin}']
  own:
    name: Own
    first_party: true
    grants: [authorization_code, refresh_token]
    redirect_uris: ['${foreignOrigin}/own']
    resources: [resource-api]
    origins: ['${foreignOrigin}']
`
