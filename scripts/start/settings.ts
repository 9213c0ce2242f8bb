import { resolve } from 'node:path'
import { describeSetting, readSettings } from '@heirloom/http-service'
import { SETTINGS } from '../../apps/auth-server/src/settings.ts'
import { OWNER_SETTINGS, START_SETTINGS } from '../settings.ts'

/** What the auth-server alone may know. */
export const STORES_AND_SECRETS = Object.entries(SETTINGS)
  .filter(([name, setting]) => describeSetting(name, setting).isSecret)
  .map(([name]) => name)

/** What neither service may know: with these, a schema can be changed. */
export const OF_THE_OWNER = Object.keys(OWNER_SETTINGS).filter((name) => name.endsWith('_URL'))

/** Where the server listens says nothing to a command. */
const NOT_SHARED = ['HOST', 'PORT', 'OPS_PORT']

/** The settings of the server in the environment that the admin command has to share, so that both do the same. */
export const givenSettings = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.keys(SETTINGS).flatMap((name) => (env[name] && !NOT_SHARED.includes(name) ? [[name, env[name]]] : [])),
  )

/** Where a stack stands. @throws SettingsError with a line for each bad setting. */
export function readPlace(env: NodeJS.ProcessEnv) {
  const { DATA_DIR, AUTH_PORT, API_PORT } = readSettings(env, START_SETTINGS)
  return { dataDir: resolve(DATA_DIR), authPort: AUTH_PORT, apiPort: API_PORT }
}
