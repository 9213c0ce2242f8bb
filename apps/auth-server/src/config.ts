import { issuerFaults, issuerWarnings, misspelt, readSettings } from '@heirloom/http-service'
import { DAY_SECONDS, RETIRED_SETTINGS, SETTINGS } from './settings.ts'

/** The verifier fetches the key set at most this often, however short its lifetime is. */
const VERIFIER_FETCH_SECONDS = 60
/** After this time, every server has read a new key. */
const SERVERS_READ_SECONDS = 10

/** Reads the environment. The names of the result have units. @throws SettingsError with every bad setting. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const settings = readSettings(env, { ...SETTINGS, ...RETIRED_SETTINGS }, rules)
  return {
    issuer: settings.ISSUER,
    realmFile: settings.REALM_FILE,
    retired: { audience: settings.AUDIENCE, clientIds: settings.CLIENT_IDS },
    databaseUrl: settings.DATABASE_URL,
    postgresRollback: settings.POSTGRES_ROLLBACK,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    databaseStatementTimeoutMs: settings.DATABASE_STATEMENT_TIMEOUT_MS,
    redisUrl: settings.REDIS_URL,
    tokenSecrets: settings.TOKEN_SECRETS,
    keyEncryptionSecret: settings.KEY_ENCRYPTION_SECRET,
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_TTL_SECONDS,
    statusTtlSeconds: settings.STATUS_TTL_SECONDS,
    refreshAbsoluteTtlMs: settings.REFRESH_ABSOLUTE_TTL_SECONDS * 1000,
    refreshPolicy: {
      idleMs: settings.REFRESH_IDLE_TTL_SECONDS * 1000,
      graceMs: settings.REFRESH_GRACE_SECONDS * 1000,
      lateRepeatGap: settings.REFRESH_LATE_REPEAT_GAP === 'off' ? null : settings.REFRESH_LATE_REPEAT_GAP,
    },
    keyPolicy: {
      algorithm: settings.SIGNING_ALGORITHM,
      bits: settings.SIGNING_KEY_BITS,
      leadMs: settings.SIGNING_KEY_LEAD_SECONDS * 1000,
      rotateAfterMs:
        settings.SIGNING_KEY_ROTATION_DAYS === 0 ? null : settings.SIGNING_KEY_ROTATION_DAYS * DAY_SECONDS * 1000,
    },
    jwksMaxAgeSeconds: settings.JWKS_MAX_AGE_SECONDS,
    registrationOpen: settings.REGISTRATION === 'open',
    passwordPolicy: { minLength: settings.PASSWORD_MIN_LENGTH },
    throttlePolicy: {
      perAccount: settings.LOGIN_ATTEMPTS_PER_ACCOUNT,
      perAddress: settings.LOGIN_ATTEMPTS_PER_ADDRESS,
      windowSeconds: settings.LOGIN_ATTEMPTS_WINDOW_SECONDS,
    },
    sessionLimits: {
      sessionsPerUser: settings.SESSIONS_PER_USER,
      loginsPerUser: settings.LOGINS_PER_USER,
      windowMs: settings.LOGIN_ATTEMPTS_WINDOW_SECONDS * 1000,
    },
    refusedLoginStepMs: settings.REFUSED_LOGIN_STEP_MS,
    hashesAtOnce: settings.HASHES_AT_ONCE,
    trustedProxies: settings.TRUSTED_PROXIES,
    securityEventsKeptMs: settings.SECURITY_EVENTS_KEPT_DAYS * DAY_SECONDS * 1000,
    docs: settings.DOCS,
    pages: { name: settings.PAGES_NAME, color: settings.PAGES_COLOR },
    host: settings.HOST,
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    logLevel: settings.LOG_LEVEL,
    warnings: [
      ...issuerWarnings(env, settings.ISSUER),
      ...(settings.TOKEN_SECRETS.includes(settings.KEY_ENCRYPTION_SECRET) ? [ONE_SECRET] : []),
      ...Object.keys(RETIRED_SETTINGS).flatMap((name) => (env[name] ? [`${name} ${RETIRED}`] : [])),
      ...misspelt(env, { ...SETTINGS, ...RETIRED_SETTINGS }),
    ],
  }
}

const ONE_SECRET =
  'KEY_ENCRYPTION_SECRET is one of TOKEN_SECRETS: one leak exposes both, and neither can be rotated alone'

const RETIRED = 'is retired: resources and clients are in the realm now, which docs/guide/realm.md describes. Remove it'

export type Config = ReturnType<typeof readConfig>

interface Settings {
  NODE_ENV: string
  ISSUER: string
  REFRESH_IDLE_TTL_SECONDS: number
  REFRESH_ABSOLUTE_TTL_SECONDS: number
  SIGNING_KEY_LEAD_SECONDS: number
  JWKS_MAX_AGE_SECONDS: number
}

/** Checks settings against each other. It gets those that are valid by themselves. */
function rules(settings: Partial<Settings>): string[] {
  const faults = issuerFaults(settings)
  const { REFRESH_IDLE_TTL_SECONDS: idle, REFRESH_ABSOLUTE_TTL_SECONDS: absolute } = settings
  if (idle !== undefined && absolute !== undefined && idle > absolute) {
    faults.push('REFRESH_IDLE_TTL_SECONDS must not be longer than REFRESH_ABSOLUTE_TTL_SECONDS')
  }
  const { SIGNING_KEY_LEAD_SECONDS: lead, JWKS_MAX_AGE_SECONDS: maxAge } = settings
  if (lead !== undefined && maxAge !== undefined) {
    const spread = Math.max(maxAge, VERIFIER_FETCH_SECONDS) + SERVERS_READ_SECONDS
    if (lead < spread)
      faults.push(`SIGNING_KEY_LEAD_SECONDS must be ${spread} or more: every service must have a key before it signs`)
  }
  return faults
}
