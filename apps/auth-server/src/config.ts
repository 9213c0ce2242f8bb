import { EnvError, makeValidator } from 'envalid'
import ipaddr from 'ipaddr.js'
import {
  audience,
  choice,
  host,
  issuer,
  issuerFaults,
  issuerWarnings,
  keepAliveTimeout,
  listOf,
  logLevel,
  misspelt,
  nodeEnv,
  opsPort,
  port,
  range,
  readSettings,
} from '@heirloom/http-service'
import { ALGORITHM_NAMES, type AlgorithmName } from './keys/algorithms.ts'
import { refreshTokens } from './rules/refresh-token.ts'
import { checkDatabaseUrl } from './postgres/database-url.ts'
import { parseRedisUrl } from './redis/redis-url.ts'

const DAY_SECONDS = 86_400

/** However short the key set may be cached: our verifier does not look more often. */
const LONGEST_LOOK_SECONDS = 60
/** Servers learn of a new key within this. */
const SERVERS_LOOK_SECONDS = 10

const clientIds = listOf((items) => items.every((item) => /^[\x21-\x7e]{1,200}$/.test(item)), 'names of clients')

const networks = listOf(
  (items) => items.every((item) => ipaddr.isValid(item) || ipaddr.isValidCIDR(item)),
  'addresses or CIDR ranges',
)

/** The messages never hold the value. */
const secret = makeValidator((input) => {
  if (Buffer.byteLength(input) >= 32) return input
  throw new EnvError('must have 32 bytes or more; `openssl rand -base64 32` makes one')
})

const secrets = makeValidator((input) => {
  const items = input.split(',').map((item) => item.trim())
  if (items.some((item) => Buffer.byteLength(item) < 32))
    throw new EnvError('must be one or more secrets of 32 bytes or more, newest first, separated by commas')
  asEnvError(() => refreshTokens(items))
  return items
})

const lateRepeatGap = makeValidator<number | 'off'>((input) => {
  if (input === 'off') return 'off'
  if (/^[1-9]\d{0,8}$/.test(input)) return Number(input)
  throw new EnvError('must be a number of generations, 1 or more, or `off`')
})

const flag = makeValidator((input) => {
  if (['true', 'yes', 'on', '1'].includes(input)) return true
  if (['false', 'no', 'off', '0'].includes(input)) return false
  throw new EnvError('must be true or false')
})

const redisUrl = makeValidator((input) => {
  asEnvError(() => parseRedisUrl(input))
  return input
})

const databaseUrl = makeValidator((input) => {
  asEnvError(() => checkDatabaseUrl(input))
  return input
})

/** For what throws messages that never hold the value. */
function asEnvError(check: () => unknown): void {
  try {
    check()
  } catch (error) {
    throw new EnvError(error instanceof Error ? error.message : 'is not valid')
  }
}

const SPECS = {
  NODE_ENV: nodeEnv,
  ISSUER: issuer({ devDefault: 'http://127.0.0.1:4000', desc: 'the public URL of this server' }),
  AUDIENCE: audience({ default: 'resource-api' }),
  CLIENT_IDS: clientIds({ default: ['web'] }),
  DATABASE_URL: databaseUrl({ desc: 'the URL of Postgres; `npm start` brings one' }),
  REDIS_URL: redisUrl({ default: undefined }),
  TOKEN_SECRETS: secrets({ desc: 'secrets of refresh tokens, newest first; `openssl rand -base64 32` makes one' }),
  KEY_ENCRYPTION_SECRET: secret({ desc: 'wraps the signing keys at rest; `openssl rand -base64 32` makes one' }),
  ACCESS_TOKEN_TTL_SECONDS: range(1, DAY_SECONDS)({ default: 900 }),
  REFRESH_IDLE_TTL_SECONDS: range(1, 3650 * DAY_SECONDS)({ default: 5 * DAY_SECONDS }),
  REFRESH_ABSOLUTE_TTL_SECONDS: range(1, 3650 * DAY_SECONDS)({ default: 30 * DAY_SECONDS }),
  REFRESH_GRACE_SECONDS: range(0, 300)({ default: 10 }),
  REFRESH_LATE_REPEAT_GAP: lateRepeatGap({ default: 8 }),
  SIGNING_ALGORITHM: choice<AlgorithmName>(...ALGORITHM_NAMES)({ default: 'RS256' }),
  SIGNING_KEY_BITS: range(2048, 8192)({ default: 2048 }),
  SIGNING_KEY_LEAD_SECONDS: range(0, 30 * DAY_SECONDS)({ default: 3600 }),
  SIGNING_KEY_ROTATION_DAYS: range(0, 3650)({ default: 90 }),
  JWKS_MAX_AGE_SECONDS: range(1, DAY_SECONDS)({ default: 300 }),
  REGISTRATION: choice('open', 'closed')({ default: 'closed', devDefault: 'open' }),
  PASSWORD_MIN_LENGTH: range(8, 256)({ default: 15 }),
  LOGIN_ATTEMPTS_PER_ACCOUNT: range(1, 1_000_000)({ default: 10 }),
  LOGIN_ATTEMPTS_PER_ADDRESS: range(1, 1_000_000)({ default: 100 }),
  LOGIN_ATTEMPTS_WINDOW_SECONDS: range(1, DAY_SECONDS)({ default: 900 }),
  LOGINS_PER_USER: range(1, 1_000_000)({ default: 300 }),
  SESSIONS_PER_USER: range(1, 100_000)({ default: 100 }),
  HASHES_AT_ONCE: range(1, 64)({ default: 1 }),
  TRUSTED_PROXIES: networks({ default: [] }),
  POSTGRES_ROLLBACK: choice('stop', 'restore')({ default: 'stop' }),
  DATABASE_POOL_SIZE: range(1, 1000)({ default: 10 }),
  DATABASE_STATEMENT_TIMEOUT_MS: range(100, 600_000)({ default: 1_000 }),
  HOST: host({ default: '0.0.0.0', devDefault: '127.0.0.1' }),
  PORT: port({ default: 4000 }),
  SECURITY_EVENTS_KEPT_DAYS: range(1, 3650)({ default: 90 }),
  DOCS: flag({ default: true }),
  OPS_PORT: opsPort,
  KEEP_ALIVE_TIMEOUT_SECONDS: keepAliveTimeout,
  LOG_LEVEL: logLevel,
}

/** The one place that knows variables; what leaves it has units in its names. @throws SettingsError with every bad setting. */
export function readConfig(env: NodeJS.ProcessEnv) {
  const settings = readSettings(env, SPECS, rules)
  return {
    issuer: settings.ISSUER,
    audience: settings.AUDIENCE,
    clientIds: settings.CLIENT_IDS,
    databaseUrl: settings.DATABASE_URL,
    postgresRollback: settings.POSTGRES_ROLLBACK,
    databasePoolSize: settings.DATABASE_POOL_SIZE,
    databaseStatementTimeoutMs: settings.DATABASE_STATEMENT_TIMEOUT_MS,
    redisUrl: settings.REDIS_URL,
    tokenSecrets: settings.TOKEN_SECRETS,
    keyEncryptionSecret: settings.KEY_ENCRYPTION_SECRET,
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_TTL_SECONDS,
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
      // The last token of a key, and a minute for clocks that differ.
      retireMs: (settings.ACCESS_TOKEN_TTL_SECONDS + 60) * 1000,
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
    hashesAtOnce: settings.HASHES_AT_ONCE,
    trustedProxies: settings.TRUSTED_PROXIES,
    securityEventsKeptMs: settings.SECURITY_EVENTS_KEPT_DAYS * DAY_SECONDS * 1000,
    docs: settings.DOCS,
    host: settings.HOST,
    port: settings.PORT,
    opsPort: settings.OPS_PORT,
    keepAliveTimeoutSeconds: settings.KEEP_ALIVE_TIMEOUT_SECONDS,
    logLevel: settings.LOG_LEVEL,
    warnings: [
      ...issuerWarnings(env, settings.ISSUER),
      ...(settings.TOKEN_SECRETS.includes(settings.KEY_ENCRYPTION_SECRET) ? [ONE_SECRET] : []),
      ...misspelt(env, SPECS),
    ],
  }
}

const ONE_SECRET =
  'KEY_ENCRYPTION_SECRET is one of TOKEN_SECRETS: a leak of one is a leak of both, and neither can be rotated alone'

export type Config = ReturnType<typeof readConfig>

interface Settings {
  NODE_ENV: string
  ISSUER: string
  REFRESH_IDLE_TTL_SECONDS: number
  REFRESH_ABSOLUTE_TTL_SECONDS: number
  SIGNING_KEY_LEAD_SECONDS: number
  JWKS_MAX_AGE_SECONDS: number
}

/** What no variable alone can tell, of those that are good by themselves. */
function rules(settings: Partial<Settings>): string[] {
  const faults = issuerFaults(settings)
  const { REFRESH_IDLE_TTL_SECONDS: idle, REFRESH_ABSOLUTE_TTL_SECONDS: absolute } = settings
  if (idle !== undefined && absolute !== undefined && idle > absolute) {
    faults.push('REFRESH_IDLE_TTL_SECONDS must not be longer than REFRESH_ABSOLUTE_TTL_SECONDS')
  }
  const { SIGNING_KEY_LEAD_SECONDS: lead, JWKS_MAX_AGE_SECONDS: maxAge } = settings
  if (lead !== undefined && maxAge !== undefined) {
    const spread = Math.max(maxAge, LONGEST_LOOK_SECONDS) + SERVERS_LOOK_SECONDS
    if (lead < spread)
      faults.push(`SIGNING_KEY_LEAD_SECONDS must be ${spread} or more: a key has to be everywhere before it signs`)
  }
  return faults
}
