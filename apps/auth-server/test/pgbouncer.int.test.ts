import { randomBytes, randomUUID } from 'node:crypto'
import { EXAMPLE_REALM, type Service, createDatabase, startService } from '@heirloom/local-stack'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { migrate } from '../../../prisma/migrate.ts'
import { openDatabase } from '../src/postgres/database.ts'
import { startPgBouncer } from './support/pgbouncer.ts'
import { PASSWORD } from './support/server.ts'

const USERS = 12
const ROUNDS = 15

const HOSTILE = { timezone: 'Asia/Kathmandu', datestyle: 'SQL, DMY', search_path: 'elsewhere' }

/** Creates an empty database with these settings, and returns its URL through PgBouncer. */
async function pooledDatabase(mode: string, settings: Record<string, string>): Promise<string> {
  const maintenance = new URL('/postgres', inject('templateUrl')).href
  const name = `pooled-${randomUUID()}`
  const url = await createDatabase(maintenance, name)
  const client = new pg.Client({ connectionString: maintenance })
  await client.connect()
  for (const [setting, value] of Object.entries(settings))
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(name)} SET ${setting} = ${pg.escapeLiteral(value)}`)
  await client.end()
  // In transaction mode there are fewer sessions than connections, so that connections share them.
  return startPgBouncer(url, { pool_mode: mode, default_pool_size: mode === 'session' ? '40' : '4' })
}

async function startServers(databaseUrl: string): Promise<Service[]> {
  const env = {
    DATABASE_URL: databaseUrl,
    // Postgres alone: each refresh is a statement.
    REDIS_URL: '',
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
    DATABASE_STATEMENT_TIMEOUT_MS: '10000',
  }
  const servers = await Promise.all([1, 2].map(() => startService({ script: 'apps/auth-server', env })))
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))))
  return servers
}

async function post(server: Service | undefined, path: string, body: object) {
  const response = await fetch(`${server?.url}/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  const { access_token = '', refresh_token = '' } = text.startsWith('{') ? JSON.parse(text) : {}
  return { status: response.status, access_token, refresh_token }
}

test.each(['session', 'transaction'])(
  'sessions begin, go on and end on two servers through PgBouncer in %s mode',
  { timeout: 120_000 },
  async (mode) => {
    const url = await pooledDatabase(mode, HOSTILE)
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrate(url)))
    expect(applied.flat()).not.toEqual([])
    const servers = await startServers(url)
    await Promise.all(servers.map((server) => server.ready()))

    const live = async (username: string): Promise<number[]> => {
      const [one, other] = servers
      const registered = await post(one, 'register', { username, password: PASSWORD })
      let last = await post(other, 'login', { username, password: PASSWORD })
      const statuses = [registered.status, last.status]
      for (let round = 0; round < ROUNDS; round++) {
        const { refresh_token } = last
        const both = await Promise.all(servers.map((server) => post(server, 'refresh', { refresh_token })))
        expect(both[0]?.refresh_token).toBe(both[1]?.refresh_token)
        last = both[0] ?? last
        statuses.push(...both.map(({ status }) => status))
      }
      const { exp } = JSON.parse(Buffer.from(last.access_token.split('.')[1] ?? '', 'base64url').toString())
      expect(Math.abs(exp - 900 - Date.now() / 1000)).toBeLessThan(120)
      const { refresh_token } = last
      statuses.push((await post(one, 'logout', { refresh_token })).status)
      statuses.push((await post(other, 'refresh', { refresh_token })).status)
      return statuses
    }
    const lives = await Promise.all(Array.from({ length: USERS }, (_, i) => live(`user-${i}`)))
    const expected = [201, 200, ...Array.from({ length: 2 * ROUNDS }, () => 200), 204, 400]
    for (const statuses of lives) expect(statuses).toEqual(expected)
  },
)

test('in transaction mode a slow statement is given up, and a shared session keeps no setting', async () => {
  const url = await pooledDatabase('transaction', {})
  const open = (statementTimeoutMs: number) => {
    const database = openDatabase({ url, poolSize: 4, statementTimeoutMs })
    onTestFinished(() => database.$disconnect())
    return database
  }
  const hasty = open(500)
  await expect(hasty.$queryRaw`SELECT 1 FROM pg_sleep(5)`).rejects.toThrow(/timeout/i)
  await hasty.$queryRaw`SELECT 1`
  // PgBouncer gives each connection its own date style and name.
  const left = await open(60_000).$queryRaw`
    SELECT name FROM pg_settings WHERE source = 'session' AND setting <> reset_val AND name NOT IN ('DateStyle', 'application_name')`
  expect(left).toEqual([])
})

test.each(['session', 'transaction'])(
  'in %s mode, an inherited isolation level that does not work is named, with the cure',
  async (mode) => {
    const url = await pooledDatabase(mode, { default_transaction_isolation: 'serializable' })
    const database = openDatabase({ url, poolSize: 1, statementTimeoutMs: 5_000 })
    onTestFinished(() => database.$disconnect())
    await expect(database.$queryRaw`SELECT 1`).rejects.toThrow(/SET default_transaction_isolation = 'read committed'/)
  },
)
