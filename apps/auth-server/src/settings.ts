// Every setting of the auth server, and the only place that declares one: its type, default and description. The reference
// page, .env.example and what `npm start` passes on are generated from it; docker-compose.yml is checked against it.
import { audience, choice, range, serviceSettings } from '@heirloom/http-service'
import { ALGORITHM_NAMES, type AlgorithmName } from './keys/algorithms.ts'
import {
  clientIds,
  color,
  databaseUrl,
  file,
  flag,
  lateRepeatGap,
  networks,
  redisUrl,
  secret,
  secrets,
  title,
} from './setting-types.ts'

export const DAY_SECONDS = 86_400
const YEARS_10_SECONDS = 3650 * DAY_SECONDS

const stores = {
  DATABASE_URL: databaseUrl({
    example: 'postgresql://heirloom_server:PASSWORD@db.example.com:5432/heirloom',
    desc: 'The URL of Postgres, for a role that reads and writes rows and owns nothing; `?schema=NAME` if the tables are not in `public`',
    docs: 'docs/guide/deploy.md#the-roles-in-postgres',
  }),
  REDIS_URL: redisUrl({
    default: undefined,
    example: 'rediss://:PASSWORD@redis.example.com:6379',
    desc: 'The URL of the one Redis that all servers and the admin command of this installation share; without it, Postgres does all the work',
    docs: 'docs/explanation/storage.md#redis',
  }),
  TOKEN_SECRETS: secrets({
    desc: 'The secrets of the refresh tokens, newest first; `openssl rand -base64 32` makes one',
    docs: 'SECURITY.md#rotating-secrets',
  }),
  KEY_ENCRYPTION_SECRET: secret({
    desc: 'The secret that encrypts the private signing keys in Postgres; `openssl rand -base64 32` makes one',
  }),
  REALM_FILE: file({
    default: undefined,
    example: '/etc/heirloom/realm.yaml',
    desc: 'The file of resources, roles and clients that fills an empty realm at the start; later, `npm run admin -- realm apply` changes it',
    docs: 'docs/guide/realm.md',
  }),
  POSTGRES_ROLLBACK: choice(
    'stop',
    'restore',
  )({
    default: 'stop',
    desc: 'What the servers do when Postgres has been rolled back: `stop` waits for `npm run admin -- restore`, `restore` does it automatically',
    docs: 'docs/guide/operate.md#a-standby-that-lags',
  }),
  DATABASE_POOL_SIZE: range(1, 1000)({ default: 10, desc: 'How many connections to Postgres each server has' }),
  DATABASE_STATEMENT_TIMEOUT_MS: range(
    100,
    600_000,
    'milliseconds',
  )({ default: 1_000, desc: 'A statement that takes longer is cancelled' }),
}

const sessions = {
  ACCESS_TOKEN_TTL_SECONDS: range(
    1,
    DAY_SECONDS,
    'seconds',
  )({
    default: 900,
    desc: 'How long an access token lives; a service that does not read the status list accepts it that long after a logout',
  }),
  STATUS_TTL_SECONDS: range(
    0,
    300,
    'seconds',
  )({
    default: 5,
    desc: 'How long a service may use a copy of the status list, and so accept a token after a logout; `0`: there is no status list',
    docs: 'docs/guide/revocation.md',
  }),
  REFRESH_IDLE_TTL_SECONDS: range(
    1,
    YEARS_10_SECONDS,
    'seconds',
  )({
    default: 5 * DAY_SECONDS,
    desc: 'A session ends if it is not refreshed for this long; at most `REFRESH_ABSOLUTE_TTL_SECONDS`',
  }),
  REFRESH_ABSOLUTE_TTL_SECONDS: range(
    1,
    YEARS_10_SECONDS,
    'seconds',
  )({
    default: 30 * DAY_SECONDS,
    desc: 'A session ends this long after its login, however often it is refreshed; a change applies to new logins',
  }),
  REFRESH_GRACE_SECONDS: range(
    0,
    300,
    'seconds',
  )({ default: 10, desc: 'How long a refresh whose answer was lost may be retried without a security event' }),
  REFRESH_LATE_REPEAT_GAP: lateRepeatGap({
    default: 8,
    desc: 'How many generations must lie between two retries after the grace period; `off` allows no such retry',
  }),
  SESSIONS_PER_USER: range(
    1,
    100_000,
  )({
    default: 100,
    desc: 'How many live sessions a user may have; a login beyond that ends the least recently used session',
  }),
}

const signingKeys = {
  SIGNING_ALGORITHM: choice<AlgorithmName>(...ALGORITHM_NAMES)({
    default: 'RS256',
    desc: 'The algorithm of new signing keys; a service accepts only RS256 unless its verifier is told otherwise',
  }),
  SIGNING_KEY_BITS: range(2048, 8192, 'bits')({ default: 2048, desc: 'The size of a new RSA key' }),
  SIGNING_KEY_LEAD_SECONDS: range(
    0,
    30 * DAY_SECONDS,
    'seconds',
  )({
    default: 3600,
    desc: 'How long a key is published before it signs; at least 70, and at least 10 more than `JWKS_MAX_AGE_SECONDS`',
  }),
  SIGNING_KEY_ROTATION_DAYS: range(
    0,
    3650,
    'days',
  )({
    default: 90,
    desc: 'The next key is made when the newest one is this old; `0`: only by `npm run admin -- key rotate`',
  }),
  JWKS_MAX_AGE_SECONDS: range(
    1,
    DAY_SECONDS,
    'seconds',
  )({ default: 300, desc: 'How long a client may cache the key set' }),
}

const accounts = {
  REGISTRATION: choice(
    'open',
    'closed',
  )({
    default: 'closed',
    devDefault: 'open',
    desc: 'Whether anyone may create an account with `POST /auth/register`',
  }),
  PASSWORD_MIN_LENGTH: range(
    8,
    256,
    'characters',
  )({ default: 15, desc: 'The shortest password that a new account or a changed password may have' }),
  LOGIN_ATTEMPTS_PER_ACCOUNT: range(
    1,
    1_000_000,
  )({
    default: 10,
    desc: 'Password attempts per account in a window; a success resets the count, and each network with a recent login has its own',
  }),
  LOGIN_ATTEMPTS_PER_ADDRESS: range(
    1,
    1_000_000,
  )({
    default: 100,
    desc: 'Password attempts and registrations per IPv4 address or IPv6 /64 in a window; checked first, so what it refuses counts for no account',
  }),
  LOGIN_ATTEMPTS_WINDOW_SECONDS: range(
    1,
    DAY_SECONDS,
    'seconds',
  )({ default: 900, desc: 'The window of the three limits on logins' }),
  LOGINS_PER_USER: range(
    1,
    1_000_000,
  )({
    default: 300,
    desc: 'Successful logins of one user in a window; further ones are refused with 429',
  }),
  REFUSED_LOGIN_STEP_MS: range(
    0,
    10_000,
    'milliseconds',
  )({
    default: 500,
    desc: 'A wrong username or password is answered at a multiple of this time after the attempt, so the time does not reveal whether the user exists; should exceed what the slowest imported hash takes; `0`: at once',
    docs: 'docs/guide/import-users.md#what-the-time-of-an-answer-tells',
  }),
  HASHES_AT_ONCE: range(
    1,
    64,
  )({
    default: 1,
    desc: 'How many password hashes run at the same time, each on its own thread; 64 more may wait',
  }),
}

const pages = {
  PAGES_NAME: title({
    default: 'Heirloom',
    example: 'Example Books',
    desc: 'The name on the login, consent and account pages',
    docs: 'docs/guide/code-flow.md#name-and-color',
  }),
  PAGES_COLOR: color({
    default: '1e5b4f',
    desc: 'The color of the buttons on these pages; their text is black or white, whichever is easier to read',
  }),
}

const operation = {
  TRUSTED_PROXIES: networks({
    default: [],
    example: '192.0.2.10,192.0.2.11',
    desc: 'The proxies whose `X-Forwarded-For` header is used',
  }),
  SECURITY_EVENTS_KEPT_DAYS: range(1, 3650, 'days')({ default: 90, desc: 'How long security events stay in Postgres' }),
  DOCS: flag({ default: true, desc: 'Whether `/docs` and `/openapi.json` are served' }),
}

/** What named the one resource and the public clients before there was a realm. A database of then gets its realm from them. */
export const RETIRED_SETTINGS = {
  AUDIENCE: audience({ default: undefined, desc: 'The one audience of all access tokens' }),
  CLIENT_IDS: clientIds({ default: undefined, desc: 'The public clients that may log in, the default first' }),
}

/** In the order of the reference page. */
export const GROUPS = {
  'Stores and secrets': stores,
  Sessions: sessions,
  'Signing keys': signingKeys,
  'Accounts and logins': accounts,
  Pages: pages,
  Operation: operation,
}

export const SETTINGS = {
  ...serviceSettings(4000),
  ...stores,
  ...sessions,
  ...signingKeys,
  ...accounts,
  ...pages,
  ...operation,
}
