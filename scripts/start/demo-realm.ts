import pg from 'pg'
import { schemaOf } from '../../apps/auth-server/src/postgres/schema-of.ts'
import { AUTH_SERVER } from '../../apps/auth-server/src/rules/realm.ts'

export const DEMO_USER = 'demo'

/** What the lines for a shell need to know of the realm, which may be the reader's own. */
export interface DemoRealm {
  /** A client that logs in with a password, the default one if it can. Null if there is none. */
  client: { id: string; isDefault: boolean } | null
  /** What its tokens have as audience besides this server. Empty if there is no such client. */
  resources: readonly string[]
  /** Null if there is no demo user yet. */
  userRoles: readonly string[] | null
  /** A role without which the demo user, whose roles may be those of another realm, gets no scope. Null if it needs none. */
  missingRole: string | null
}

interface Row {
  id: string
  is_default: boolean
  resources: string[]
  scopes: string[]
  default_roles: string[]
  useful_roles: string[]
}

/** Reads it from the rows: starting the admin command for this would take a second on each start. */
export async function readDemoRealm(databaseUrl = ''): Promise<DemoRealm> {
  const client = new pg.Client({ connectionString: databaseUrl })
  const table = (name: string) => `${pg.escapeIdentifier(schemaOf(databaseUrl))}.${name}`
  try {
    await client.connect()
    const users = await client.query<{ roles: string[] }>(
      `SELECT roles FROM ${table('users')} WHERE username_key = $1`,
      [DEMO_USER],
    )
    const clients = await client.query<Row>(
      `SELECT c.id, c.id IS NOT DISTINCT FROM r.default_client AS is_default, c.resources, c.scopes, r.default_roles,
         ARRAY(SELECT name FROM ${table('roles')} WHERE scopes && c.scopes ORDER BY name) AS useful_roles
       FROM ${table('clients')} AS c CROSS JOIN ${table('realm')} AS r
       WHERE 'login' = ANY (c.grants) AND c.auth = 'none' AND NOT c.disabled ORDER BY is_default DESC, c.id LIMIT 1`,
    )
    const [found] = clients.rows
    const userRoles = users.rows[0]?.roles ?? null
    if (!found) return { client: null, resources: [], userRoles, missingRole: null }
    const roles = userRoles ?? found.default_roles
    const isServed = found.scopes.length === 0 || roles.some((role) => found.useful_roles.includes(role))
    return {
      client: { id: found.id, isDefault: found.is_default },
      resources: found.resources.filter((id) => id !== AUTH_SERVER),
      userRoles,
      missingRole: isServed ? null : (found.useful_roles[0] ?? null),
    }
  } finally {
    await client.end()
  }
}
