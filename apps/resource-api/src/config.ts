import {
  audience,
  issuerFaults,
  issuerWarnings,
  misspelt,
  readSettings,
  serviceSettings,
  url,
} from '@heirloom/http-service'

export const SETTINGS = {
  ...serviceSettings(4001),
  AUDIENCE: audience({
    default: 'resource-api',
    desc: 'The id of this service among the resources of the realm: what access tokens for it have as `aud`',
    docs: 'docs/guide/realm.md',
  }),
  JWKS_URI: url(
    'http:',
    'https:',
  )({
    default: undefined,
    example: 'http://auth-server:4000/.well-known/jwks.json',
    desc: 'Where the keys of the issuer are; by default the metadata of the issuer say so',
  }),
}

/** @throws SettingsError with every bad setting. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const settings = readSettings(env, SETTINGS, issuerFaults)
  return {
    issuer: settings.ISSUER,
    jwksUri: settings.JWKS_URI,
    audience: settings.AUDIENCE,
    host: settings.HOST,
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    logLevel: settings.LOG_LEVEL,
    warnings: [...issuerWarnings(env, settings.ISSUER), ...misspelt(env, SETTINGS)],
  }
}

export type Config = ReturnType<typeof readConfig>
