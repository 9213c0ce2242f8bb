import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const path = (relative: string) => fileURLToPath(new URL(`../../../apps/${relative}`, import.meta.url))

/** What `startService` runs. */
export const AUTH_SERVER = path('auth-server')
export const RESOURCE_API = path('resource-api')

/** The identifier of the issuer. It is never resolved, because services get the address of the keys as JWKS_URI. */
export const ISSUER = 'http://127.0.0.1:4000'

/** Settings for a load from one address with the right passwords: throttling is not what it measures. */
export const WITHOUT_LIMITS = {
  REGISTRATION: 'open',
  LOGIN_ATTEMPTS_PER_ADDRESS: '1000000',
  LOGIN_ATTEMPTS_PER_ACCOUNT: '1000000',
  LOGINS_PER_USER: '1000000',
  SESSIONS_PER_USER: '100000',
}

/** New secrets of an auth server. */
export const newSecrets = () => ({
  TOKEN_SECRETS: randomBytes(32).toString('base64'),
  KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
})

/** Runs the operator's command with the settings of an auth server. Rejects if its exit code is not 0. */
export async function runAdmin(env: NodeJS.ProcessEnv, ...args: string[]): Promise<void> {
  const options = { env: { PATH: process.env['PATH'], ...env }, maxBuffer: 1e9 }
  await promisify(execFile)(process.execPath, [path('auth-server/src/admin.ts'), ...args], options)
}
