import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { EXAMPLE_REALM } from '@heirloom/local-stack'
import { DEMO_USER, type DemoRealm } from './demo-realm.ts'

const ADMIN = fileURLToPath(new URL('../../apps/auth-server/src/admin.ts', import.meta.url))

/** Adds the demo user unless it exists. Returns whether it was added. */
export async function ensureDemoUser(env: NodeJS.ProcessEnv, password: string, realm: DemoRealm): Promise<boolean> {
  if (realm.userRoles) return false
  const role = env['REALM_FILE'] === EXAMPLE_REALM ? 'editor' : realm.missingRole
  const args = [ADMIN, 'user', 'add', DEMO_USER, ...(role === null ? [] : ['--role', role]), '--password-stdin']
  const admin = spawn(process.execPath, args, { env, stdio: ['pipe', 'ignore', 'pipe'] })
  admin.stdin.end(password)
  const [complaint, [code]] = await Promise.all([text(admin.stderr), once(admin, 'close')])
  if (code !== 0) throw new Error(`the demo user could not be added: ${complaint.trim()}`)
  return true
}
