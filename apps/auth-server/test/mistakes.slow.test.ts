import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, type Server, createServer } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { SettingsError, createMetrics } from '@heirloom/http-service'
import { EXAMPLE_REALM, type Store, createDatabase, freePort, startPostgres, startRedis } from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { pino } from 'pino'
import { format, resolveConfig } from 'prettier'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { migrate } from '../../../prisma/migrate.ts'
import { type ServerParts, wire } from '../src/wiring.ts'
import { readConfig } from '../src/config.ts'

/** Compared with what the servers say. `npx vitest run apps/auth-server/test/mistakes.slow.test.ts -u` writes it again. */
const PAGE = new URL('../../../docs/reference/mistakes.md', import.meta.url).pathname
const folder = join(inject('runFolder'), 'mistakes')
mkdirSync(folder)
const file = (name: string) => join(folder, name)

const SECRET = randomBytes(32).toString('base64')
const GIVEN = {
  DATABASE_URL: 'postgres://a@b/c',
  TOKEN_SECRETS: SECRET,
  KEY_ENCRYPTION_SECRET: SECRET,
  REALM_FILE: EXAMPLE_REALM,
}

/** Mistakes in settings alone: no store is asked. */
const SETTINGS: [mistake: string, env: Record<string, string>][] = [
  ['no `DATABASE_URL`', { DATABASE_URL: '' }],
  ['`DATABASE_URL` of another database', { DATABASE_URL: 'mysql://a:hunter2@b/c' }],
  ['`DATABASE_URL` with a certificate that does not exist', { DATABASE_URL: 'postgres://a@b/c?sslrootcert=/none' }],
  ['no `TOKEN_SECRETS`', { TOKEN_SECRETS: '' }],
  ['a short secret', { TOKEN_SECRETS: 'hunter2' }],
  ['the same secret twice', { TOKEN_SECRETS: `${SECRET},${SECRET}` }],
  ['a short `KEY_ENCRYPTION_SECRET`', { KEY_ENCRYPTION_SECRET: 'hunter2' }],
  ['production without `ISSUER`', { NODE_ENV: 'production' }],
  ['production without TLS', { NODE_ENV: 'production', ISSUER: 'http://auth.example' }],
  ['`ISSUER` with a slash at its end', { ISSUER: 'https://auth.example/' }],
  ['`REDIS_URL` without a protocol', { REDIS_URL: 'localhost:6379' }],
  ['a raw `/` in the password of Redis', { REDIS_URL: 'redis://:hun/ter2@redis.example' }],
  ['several hosts of one Redis', { REDIS_URL: 'redis://a,b' }],
  ['sentinels without the name of the master', { REDIS_URL: 'redis-sentinel://a:26379' }],
  ['certificates, but no TLS', { REDIS_URL: 'redis://a?sslrootcert=/etc/hostname' }],
  ['a port that is not a number', { PORT: 'auth' }],
  ['an idle lifetime longer than the absolute one', { REFRESH_IDLE_TTL_SECONDS: '2592001' }],
  ['keys that sign before every service has them', { SIGNING_KEY_LEAD_SECONDS: '60' }],
  ['an algorithm that is not supported', { SIGNING_ALGORITHM: 'HS256' }],
  ['proxies by name', { TRUSTED_PROXIES: 'proxy' }],
]

let postgres: Store
let redis: Store
const listeners: Server[] = []

interface Stores {
  /** The URL of a migrated Postgres. */
  database: URL
  redis: URL
  /** The same Redis with TLS. */
  secureRedis: URL
  /** The port of a server that is neither Postgres nor Redis. */
  stranger: number
  silent: number
}
let stores: Stores

const POSTGRES: [mistake: string, url: (stores: Stores) => URL][] = [
  ['a wrong password', ({ database }) => change(database, { password: 'hunter2' })],
  ['no password', ({ database }) => change(database, { password: '' })],
  ['a role that may not log in', ({ database }) => change(database, { username: 'locked', password: 'locked' })],
  ['a role without privileges', ({ database }) => change(database, { username: 'poor', password: 'poor' })],
  ['a role without connections', ({ database }) => change(database, { username: 'full', password: 'full' })],
  ['a database that does not exist', ({ database }) => change(database, { pathname: '/none' })],
  ['a database that was not migrated', ({ database }) => change(database, { pathname: '/postgres' })],
  ['a database that lacks the newest migration', ({ database }) => change(database, { pathname: '/older' })],
  ['a database that lacks a column', ({ database }) => change(database, { pathname: '/lacking' })],
  ['a database that takes no writes', ({ database }) => change(database, { pathname: '/readonly' })],
  ['a private certificate with `sslmode=require`', ({ database }) => change(database, { search: '?sslmode=require' })],
  [
    'a certificate for another host',
    ({ database }) =>
      change(database, { hostname: 'localhost', search: `?sslmode=verify-full&sslrootcert=${file('server.pem')}` }),
  ],
  ['`sslmode=require`, but no TLS', () => change(new URL(inject('templateUrl')), { search: '?sslmode=require' })],
  [
    'a parameter that Postgres does not know',
    ({ database }) => change(database, { search: '?options=-c%20none%3Don' }),
  ],
  ['a port where nothing listens', ({ database }) => change(database, { port: '1' })],
  ['a port where something else answers', ({ database, stranger }) => change(database, { port: String(stranger) })],
  ['a port where nothing answers', ({ database, silent }) => change(database, { port: String(silent) })],
  ['an unknown host', ({ database }) => change(database, { hostname: 'postgres.invalid' })],
]

const REDIS: [mistake: string, url: (stores: Stores) => URL][] = [
  ['a wrong password', ({ redis: it }) => change(it, { password: 'hunter2' })],
  ['no password', ({ redis: it }) => change(it, { password: '' })],
  ['a user without rights', ({ redis: it }) => change(it, { username: 'poor', password: 'poor' })],
  ['a database that does not exist', ({ redis: it }) => change(it, { pathname: '/99' })],
  ['a port where nothing listens', ({ redis: it }) => change(it, { port: '1' })],
  ['a port where something else answers', ({ redis: it, stranger }) => change(it, { port: String(stranger) })],
  ['a port where nothing answers', ({ redis: it, silent }) => change(it, { port: String(silent) })],
  ['an unknown host', ({ redis: it }) => change(it, { hostname: 'redis.invalid' })],
  ['`redis://` for a Redis with TLS', ({ secureRedis }) => new URL(secureRedis.href.replace('rediss:', 'redis:'))],
  ['`rediss://` for a Redis without TLS', ({ redis: it }) => new URL(it.href.replace('redis:', 'rediss:'))],
  ['a private certificate', ({ secureRedis }) => secureRedis],
  [
    '`redis-cluster://` for a Redis that is not a cluster',
    ({ redis: it }) => new URL(it.href.replace('redis:', 'redis-cluster:')),
  ],
  [
    '`redis-sentinel://` for a Redis that is not a sentinel',
    ({ redis: it }) => new URL(it.href.replace('redis:', 'redis-sentinel:') + '/main'),
  ],
]

/** These run one after another, because each changes the state of that Redis. */
const REDIS_STATES: [mistake: string, commands: string[][]][] = [
  ['a Redis that is full', [['CONFIG', 'SET', 'maxmemory', '1']]],
  [
    'a read-only replica',
    [
      ['CONFIG', 'SET', 'maxmemory', '0'],
      ['REPLICAOF', '127.0.0.1', '1'],
    ],
  ],
]

beforeAll(async () => {
  const request = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stores -addext subjectAltName=IP:127.0.0.1`
  execFileSync('openssl', [...request.split(' '), '-keyout', file('server.key'), '-out', file('server.pem')], {
    stdio: 'ignore',
  })
  const port = await freePort()
  const [startedPostgres, startedRedis] = await Promise.all([
    startPostgres({
      dataDir: file('postgres'),
      settings: { ssl: 'on', ssl_cert_file: file('server.pem'), ssl_key_file: file('server.key'), fsync: 'off' },
    }),
    startRedis({
      dataDir: file('redis'),
      settings: {
        'tls-port': String(port),
        'tls-cert-file': file('server.pem'),
        'tls-key-file': file('server.key'),
        'tls-ca-cert-file': file('server.pem'),
        'tls-auth-clients': 'no',
        user: 'poor on >poor ~none +ping +info +hello +auth',
      },
    }),
  ])
  if (!startedRedis) throw new Error('there is no Redis')
  ;[postgres, redis] = [startedPostgres, startedRedis]
  await migrate(postgres.url)
  await prepare(postgres.url)
  const [stranger, silent] = await Promise.all([
    listen('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
    listen(null),
  ])
  const redisUrl = new URL(redis.url)
  stores = {
    database: new URL(postgres.url),
    redis: redisUrl,
    secureRedis: new URL(change(redisUrl, { port: String(port) }).href.replace('redis:', 'rediss:')),
    stranger,
    silent,
  }
}, 120_000)

afterAll(async () => {
  for (const listener of listeners) listener.close()
  await Promise.all([postgres.stop(), redis.stop()])
})

/** Databases and roles, each with something missing. */
async function prepare(url: string): Promise<void> {
  for (const name of ['older', 'lacking', 'readonly']) await createDatabase(url, name, 'heirloom')
  const run = async (database: string, ...statements: string[]) => {
    const client = new pg.Client({ connectionString: change(new URL(url), { pathname: `/${database}` }).href })
    await client.connect()
    for (const statement of statements) await client.query(statement)
    await client.end()
  }
  await run(
    'heirloom',
    `CREATE ROLE locked NOLOGIN PASSWORD 'locked'`,
    `CREATE ROLE poor LOGIN PASSWORD 'poor'`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor`,
    `CREATE ROLE full LOGIN PASSWORD 'full' CONNECTION LIMIT 0`,
    `ALTER DATABASE readonly SET default_transaction_read_only = on`,
  )
  await run(
    'older',
    `DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)`,
  )
  await run('lacking', 'ALTER TABLE signing_keys DROP COLUMN algorithm')
}

function change(
  url: URL,
  changes: Partial<Record<'hostname' | 'port' | 'username' | 'password' | 'pathname' | 'search', string>>,
): URL {
  return Object.assign(new URL(url), changes)
}

/** Starts a server that answers each connection with this text, or with nothing. Returns its port. */
async function listen(words: string | null): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    if (words !== null) socket.end(words)
  })
  listeners.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function saidOfSettings(env: Record<string, string>): string {
  try {
    readConfig({ ...GIVEN, ...env })
    return 'nothing'
  } catch (error) {
    if (error instanceof SettingsError) return error.lines.join(' and ')
    throw error
  }
}

/** What the operator reads at a start: the error that ends the process, or its warnings. */
async function saidAtStart(env: Record<string, string>): Promise<string> {
  const warnings: string[] = []
  const log = new Writable({
    write(line, _encoding, done) {
      warnings.push(JSON.parse(String(line)).msg)
      done()
    },
  })
  let parts: ServerParts | undefined
  try {
    parts = await wire(readConfig({ ...GIVEN, ...env }), pino({ level: 'warn' }, log), createMetrics())
    return warnings.join(' and ')
  } catch (error) {
    return (error as Error).message
  } finally {
    await parts?.close()
  }
}

/** Three at a time: many wait for time-outs, but too many at once would cause time-outs of others. */
async function saidOf(mistakes: typeof POSTGRES, toEnv: (url: string) => Record<string, string>): Promise<Row[]> {
  const said: string[] = []
  const left = [...mistakes.entries()]
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift())
      said[next[0]] = await saidAtStart(toEnv(next[1][1](stores).href))
  }
  await Promise.all([work(), work(), work()])
  return mistakes.map(([mistake], i): Row => [mistake, said[i] ?? ''])
}

type Row = readonly [mistake: string, said: string]

const table = (rows: readonly Row[]) =>
  [
    '| the mistake | what it says |',
    '| - | - |',
    ...rows.map(([mistake, said]) => `| ${mistake} | ${said.replaceAll('|', '\\|')} |`),
  ].join('\n')

/** Of a realm that is empty, so that its file is read. */
const REALMS: [mistake: string, content: string][] = [
  ['a file that is no YAML', 'clients: ['],
  ['a misspelt member', 'clients:\n  app:\n    redirect_uri: https://app.example/back\n'],
  ['a scope that no resource has', 'roles:\n  user: [files:raed]\n'],
  ['an http redirect URI', 'clients:\n  app:\n    redirect_uris: [http://app.example/back]\n'],
]

const page = (settings: Row[], ofRealm: Row[], ofPostgres: Row[], ofRedis: Row[]) => `# Mistakes in the configuration

One line on stderr names the cause and the cure. \`npm test\` makes each mistake on real stores and compares the output with this page.

## Settings

All bad settings are named at once, and the process exits with 1.

${table(settings)}

## The realm

A server whose realm is empty reads \`REALM_FILE\`. All faults of a file are named at once, each with its line and its path, and the process exits with 1.
\`npm run admin -- realm apply\` says the same. [The realm](../guide/realm.md)

${table(ofRealm)}

## Postgres

\`npm start\`, \`npm run migrate\`, \`npm run admin\` and the auth server say the same. The log names the code in brackets once a minute.

| the fault                     | at the start                                | at run time                   |
| ----------------------------- | ------------------------------------------- | ----------------------------- |
| only an operator can mend it  | ends the process at once                    | 500 \`server_error\`          |
| it may pass by itself         | is retried for five seconds                 | 503 with \`Retry-After\`      |
| Postgres takes no writes      | is a warning: refreshes go through Redis    | 503 with \`Retry-After\`      |

${table(ofPostgres)}

## Redis

A Redis that cannot be used causes a warning, at the start and every minute, because Postgres then does all the work. The other servers keep
using Redis, except for five seconds after each refresh of this server, and one second after each logout.

${table(ofRedis)}
`

test(
  'every mistake is explained with its cause and its cure, in one line without a secret',
  { timeout: 300_000 },
  async () => {
    const settings = SETTINGS.map(([mistake, env]): Row => [mistake, saidOfSettings(env)])
    const ofPostgres = await saidOf(POSTGRES, (url) => ({ DATABASE_URL: url }))
    const database = stores.database.href
    const ofRealm: Row[] = [
      ['no file', await saidAtStart({ DATABASE_URL: database, REALM_FILE: '' })],
      ['a file that does not exist', await saidAtStart({ DATABASE_URL: database, REALM_FILE: '/none/realm.yaml' })],
    ]
    for (const [mistake, content] of REALMS) {
      writeFileSync(file('realm.yaml'), content)
      const said = await saidAtStart({ DATABASE_URL: database, REALM_FILE: file('realm.yaml') })
      ofRealm.push([mistake, said.replaceAll(folder, '')])
    }
    await saidAtStart({ DATABASE_URL: database })
    ofPostgres.push([
      'signing keys of another `KEY_ENCRYPTION_SECRET`',
      await saidAtStart({ DATABASE_URL: database, KEY_ENCRYPTION_SECRET: 'another-'.repeat(5) }),
    ])
    const ofRedis = await saidOf(REDIS, (url) => ({ DATABASE_URL: database, REDIS_URL: url }))
    for (const [mistake, commands] of REDIS_STATES) {
      const client = new Redis(redis.url)
      for (const [command = '', ...args] of commands) await client.call(command, ...args)
      client.disconnect()
      ofRedis.push([mistake, await saidAtStart({ DATABASE_URL: database, REDIS_URL: redis.url })])
    }

    const rows = [...settings, ...ofRealm, ...ofPostgres, ...ofRedis]
    expect(rows.length).toBeGreaterThanOrEqual(30)
    for (const [mistake, said] of rows) {
      expect.soft(said, mistake).not.toMatch(/^(nothing)?$|did not answer$|hunter2|\n/)
      expect.soft(said.length, mistake).toBeGreaterThan(20)
    }
    const options = { ...(await resolveConfig(PAGE)), filepath: PAGE }
    await expect(await format(page(settings, ofRealm, ofPostgres, ofRedis), options)).toMatchFileSnapshot(PAGE)
  },
)
