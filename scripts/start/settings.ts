import { resolve } from 'node:path'

/** Settings for the auth server only. */
export const STORES_AND_SECRETS = ['DATABASE_URL', 'REDIS_URL', 'TOKEN_SECRETS', 'KEY_ENCRYPTION_SECRET'] as const

/** Settings for neither service: with these, a schema can be changed. */
export const OF_THE_OWNER = ['DATABASE_ADMIN_URL', 'DATABASE_OWNER_URL'] as const

/** Settings that commands on a running stack share with its services. */
const SHARED = [
  ...STORES_AND_SECRETS,
  'NODE_ENV',
  'ISSUER',
  'AUDIENCE',
  'CLIENT_IDS',
  'ACCESS_TOKEN_TTL_SECONDS',
  'REFRESH_IDLE_TTL_SECONDS',
  'REFRESH_ABSOLUTE_TTL_SECONDS',
  'REFRESH_GRACE_SECONDS',
  'REFRESH_LATE_REPEAT_GAP',
  'SIGNING_ALGORITHM',
  'SIGNING_KEY_BITS',
  'SIGNING_KEY_LEAD_SECONDS',
  'SIGNING_KEY_ROTATION_DAYS',
  'JWKS_MAX_AGE_SECONDS',
  'PASSWORD_MIN_LENGTH',
] as const

/** The shared settings that the environment has. */
export const givenSettings = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(SHARED.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))

/** The data folder and the ports. Throws, with one line, if one of them is invalid. */
export function readPlace(env: NodeJS.ProcessEnv) {
  return {
    dataDir: resolve(env['DATA_DIR'] || 'data'),
    authPort: readPort(env, 'AUTH_PORT', 4000),
    apiPort: readPort(env, 'API_PORT', 4001),
  }
}

function readPort(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name]
  if (!text) return otherwise
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new Error(`${name} must be a port from 1 to 65535, but is "${text}"`)
}
