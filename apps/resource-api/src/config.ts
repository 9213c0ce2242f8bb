import {
  audience,
  choice,
  issuerFaults,
  issuerWarnings,
  misspelt,
  range,
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
    desc: 'The address of the keys, on the server that also has the status lists; by default it comes from the metadata of the issuer',
  }),
  STATUS_MODE: choice(
    'off',
    'open',
    'closed',
  )({
    default: 'open',
    desc: 'What happens to a token whose status list cannot be had: `open` accepts it, `closed` answers 503; `off` asks for no list',
    docs: 'docs/guide/revocation.md',
  }),
  STATUS_MAX_STALE_SECONDS: range(
    10,
    86_400,
    'seconds',
  )({
    default: 300,
    desc: 'How long a status list that the issuer does not confirm still says that a token is valid',
    docs: 'docs/guide/revocation.md',
  }),
  STATUS_WAIT_SECONDS: range(
    0,
    30,
    'seconds',
  )({
    default: 0,
    desc: 'For how long the auth server holds a request for a status list until something changes; 0 asks every few seconds instead',
    docs: 'docs/guide/revocation.md#in-one-second-instead-of-six',
  }),
}

/** A list that the server holds back is not confirmed meanwhile. */
function statusFaults({ STATUS_MAX_STALE_SECONDS = 300, STATUS_WAIT_SECONDS = 0 }): string[] {
  const tooShort = STATUS_WAIT_SECONDS > 0 && STATUS_MAX_STALE_SECONDS <= STATUS_WAIT_SECONDS + 5
  return tooShort ? ['STATUS_MAX_STALE_SECONDS must be more than STATUS_WAIT_SECONDS and 5 s for the answer'] : []
}

/** @throws SettingsError with every bad setting. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const settings = readSettings(env, SETTINGS, (read) => [...issuerFaults(read), ...statusFaults(read)])
  return {
    issuer: settings.ISSUER,
    jwksUri: settings.JWKS_URI,
    audience: settings.AUDIENCE,
    status: {
      mode: settings.STATUS_MODE,
      maxStaleSeconds: settings.STATUS_MAX_STALE_SECONDS,
      waitSeconds: settings.STATUS_WAIT_SECONDS,
    },
    host: settings.HOST,
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    logLevel: settings.LOG_LEVEL,
    warnings: [...issuerWarnings(env, settings.ISSUER), ...misspelt(env, SETTINGS)],
  }
}

export type Config = ReturnType<typeof readConfig>
