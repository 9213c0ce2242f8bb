import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { startPostgres, startRedis, type Store } from '../src/index.ts'
import { testStores } from '../src/testing.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'heirloom-stack-'))
const started: Store[] = []
afterAll(async () => {
  await Promise.all(started.map((store) => store.stop()))
  rmSync(dataDir, { recursive: true, force: true })
})

async function postgres(settings: Record<string, string> = {}): Promise<Store> {
  const store = await startPostgres({ dataDir: join(dataDir, 'postgres'), settings })
  started.push(store)
  return store
}

async function redis(): Promise<Store> {
  const store = await startRedis({ dataDir: join(dataDir, 'redis') })
  if (!store) throw new Error('no Redis on the PATH')
  started.push(store)
  return store
}

async function sql<T extends pg.QueryResultRow>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query<T>(text)).rows
  } finally {
    await client.end()
  }
}

async function withRedis<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { retryStrategy: () => null })
  client.on('error', () => {}) // the commands reject as well
  try {
    return await use(client)
  } finally {
    client.disconnect()
  }
}

const ZONE = `SELECT current_setting('timezone') AS zone, current_setting('datestyle') AS style`

test('the tests and their Postgres are in two time zones, neither whole hours from UTC', async () => {
  expect(new Date().getTimezoneOffset()).toBe(9.5 * 60)
  const { databaseUrl } = await testStores()
  expect(await sql(databaseUrl, ZONE)).toEqual([{ zone: 'Asia/Kathmandu', style: 'SQL, DMY' }])
})

describe('Postgres', () => {
  test('is a real one, on loopback only, and requires its password', async () => {
    const { url } = await postgres()
    const [server] = await sql(url, `SELECT current_setting('listen_addresses') AS addresses, version()`)
    expect(server).toMatchObject({ addresses: '127.0.0.1', version: expect.stringMatching(/^PostgreSQL 18\./) })
    // Whatever the time zone of the machine.
    expect(await sql(url, ZONE)).toEqual([{ zone: 'UTC', style: 'ISO, MDY' }])

    const wrong = new URL(url)
    wrong.password = 'wrong'
    await expect(sql(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed')
    expect(statSync(join(dataDir, 'postgres/password')).mode & 0o777).toBe(0o600)
  })

  test('keeps committed data over a stop and a kill', async () => {
    const [first] = started as [Store]
    await sql(first.url, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)')
    await first.stop()

    const second = await postgres()
    await sql(second.url, 'INSERT INTO kept VALUES (2)')
    second.kill('SIGKILL')
    await second.exited

    const third = await postgres()
    expect(await sql(third.url, 'SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('stops an orphan on its folder', async () => {
    const abandoned = started.at(-1) as Store
    const { url } = await postgres()
    expect(await abandoned.exited).toMatchObject({ code: 0 })
    expect(await sql(url, 'SELECT count(*)::int FROM kept')).toEqual([{ count: 2 }])
  })

  test('reports in one line why it does not start', async () => {
    await (started.at(-1) as Store).stop()
    await expect(postgres({ max_connections: 'many' })).rejects.toThrow(
      /^Postgres did not come up: .*FATAL.*max_connections.*\(its log: .*\)$/,
    )
  })
})

describe('Redis', () => {
  test('requires its password, which no command line shows', async () => {
    const { url, pid } = await redis()
    expect(await withRedis(url, (client) => client.ping())).toBe('PONG')
    const { host, password } = new URL(url)
    await expect(withRedis(`redis://${host}`, (client) => client.ping())).rejects.toThrow('NOAUTH')
    if (process.platform === 'linux') expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(password)
  })

  test('keeps its data over a stop', async () => {
    const first = started.at(-1) as Store
    await withRedis(first.url, (client) => client.set('kept', 'yes'))
    await first.stop()
    const second = await redis()
    expect(await withRedis(second.url, (client) => client.get('kept'))).toBe('yes')
  })

  test('stops an orphan on its folder', async () => {
    const abandoned = started.at(-1) as Store
    const { url } = await redis()
    expect(await abandoned.exited).toMatchObject({ code: 0 })
    expect(await withRedis(url, (client) => client.get('kept'))).toBe('yes')
  })
})

test('each caller of testStores has an empty, migrated database and an empty Redis', async () => {
  const [one, other] = await Promise.all([testStores(), testStores()])
  expect(one.databaseUrl).not.toBe(other.databaseUrl)
  await sql(one.databaseUrl, `INSERT INTO users (username, username_key, password_hash) VALUES ('a', 'a', '')`)
  await withRedis(one.redisUrl, (client) => client.set('a', 'a'))
  expect(await sql(other.databaseUrl, 'SELECT 1 FROM users')).toEqual([])
  expect(await withRedis(other.redisUrl, (client) => client.dbsize())).toBe(0)
})
