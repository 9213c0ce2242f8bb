import { createHash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ADMINISTRATION, ADMIN_SCOPES, type AdminScope } from '../../src/rules/administration.ts'
import { basic } from './basic.ts'
import { runAdmin } from './admin.ts'
import { PASSWORD, bearer, testServer } from './server.ts'

const SECRET = 'the secret of every client here'
const withSecret = (more: object) => ({
  auth: 'client_secret_basic',
  secret_sha256: [createHash('sha256').update(SECRET).digest('hex')],
  grants: ['client_credentials'],
  ...more,
})

/** The example's service and the administration, with a client and a role of each kind. */
const ADMIN_REALM = {
  resources: {
    'resource-api': { scopes: { 'reports:read': 'Read reports' } },
    [ADMINISTRATION]: { scopes: Object.fromEntries(ADMIN_SCOPES.map((scope) => [scope, scope])) },
  },
  roles: {
    user: ['reports:read'],
    helpdesk: ['reports:read', 'admin:users:read', 'admin:users:write'],
    admin: ['reports:read', ...ADMIN_SCOPES],
  },
  default_roles: ['user'],
  clients: {
    web: { first_party: true, grants: ['login', 'refresh_token'], resources: ['resource-api', 'auth-server'] },
    console: { first_party: true, grants: ['login', 'refresh_token'], resources: [ADMINISTRATION, 'resource-api'] },
    ops: withSecret({ resources: [ADMINISTRATION], scopes: [...ADMIN_SCOPES] }),
    helpdesk: withSecret({ resources: [ADMINISTRATION], scopes: ['admin:users:read', 'admin:users:write'] }),
    reporter: withSecret({ resources: ['resource-api'], scopes: ['reports:read'] }),
  },
  default_client: 'web',
}

export type AdminServer = Awaited<ReturnType<typeof adminServer>>

/** A server whose realm has the administration. */
export async function adminServer(settings: Record<string, string> = {}) {
  const file = join(mkdtempSync(join(tmpdir(), 'heirloom-realm-')), 'realm.yaml')
  writeFileSync(file, stringify(ADMIN_REALM))
  const server = await testServer({ REALM_FILE: file, ...settings })

  const clientToken = async (id: string, scope?: AdminScope | 'reports:read'): Promise<string> => {
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) })
    const headers = { ...basic(id, SECRET), 'content-type': 'application/x-www-form-urlencoded' }
    return (await server.call('POST', '/oauth2/token', form.toString(), headers)).body.access_token
  }
  const token = await clientToken('ops')
  return {
    ...server,
    clientToken,
    /** A call as `ops`, which may do everything. */
    admin: (method: string, path: string, body?: unknown) => server.call(method, `/admin${path}`, body, bearer(token)),
    command: (input: string, ...args: string[]) => runAdmin(server.env, input, ...args),
    /** Adds a user with these roles, and logs in at a client. */
    async userToken(username: string, roles: readonly string[], login: object) {
      const added = await server.call('POST', '/admin/users', { username, password: PASSWORD, roles }, bearer(token))
      const { body } = await server.call('POST', '/auth/login', { username, password: PASSWORD, ...login })
      return { id: added.body.id as string, tokens: body }
    },
  }
}
