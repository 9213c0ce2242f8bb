import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { EXAMPLE_REALM } from '@heirloom/local-stack'
import pg from 'pg'
import { schemaOf } from '../../apps/auth-server/src/postgres/schema-of.ts'

export const DEMO_USER = 'demo'

const ADMIN = fileURLToPath(new URL('../../apps/auth-server/src/admin.ts', import.meta.url))

/** Adds the demo user unless it exists. Returns whether it was added. Another realm than the example's may have other roles. */
export async function ensureDemoUser(env: NodeJS.ProcessEnv, password: string): Promise<boolean> {
  if (await exists(env['DATABASE_URL'])) return false
  const role = env['REALM_FILE'] === EXAMPLE_REALM ? ['--role', 'editor'] : []
  const args = [ADMIN, 'user', 'add', DEMO_USER, ...role, '--password-stdin']
  const admin = spawn(process.execPath, args, { env, stdio: ['pipe', 'ignore', 'pipe'] })
  admin.stdin.end(password)
  const [complaint, [code]] = await Promise.all([text(admin.stderr), once(admin, 'close')])
  if (code !== 0) throw new Error(`the demo user could not be added: ${complaint.trim()}`)
  return true
}

/** Starting the admin command for this would take a second on each start. */
async function exists(databaseUrl = ''): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl })
  try {
    await client.connect()
    const users = `${pg.escapeIdentifier(schemaOf(databaseUrl))}.users`
    const { rowCount } = await client.query(`SELECT FROM ${users} WHERE username_key = $1`, [DEMO_USER])
    return rowCount === 1
  } finally {
    await client.end()
  }
}
