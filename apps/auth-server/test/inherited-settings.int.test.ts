import { randomUUID } from 'node:crypto'
import { createDatabase } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { Redis } from 'ioredis'
import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { migrate } from '../../../prisma/migrate.ts'
import { PASSWORD, bearer, testServer } from './support/server.ts'
import { claimsOf } from './support/status-list.ts'

/** Settings that a database or a role may have for each of its sessions. */
const INHERITED = [
  {
    timezone: 'Asia/Kathmandu',
    datestyle: 'SQL, DMY',
    search_path: 'elsewhere',
    default_transaction_isolation: 'serializable',
    bytea_output: 'escape',
    client_encoding: 'LATIN1',
    row_security: 'off',
  },
  {
    timezone: 'America/St_Johns',
    datestyle: 'Postgres, DMY',
    search_path: '"$user", pg_catalog',
    default_transaction_isolation: 'repeatable read',
    intervalstyle: 'sql_standard',
    extra_float_digits: '-15',
    standard_conforming_strings: 'off',
    transform_null_equals: 'on',
    array_nulls: 'off',
    lock_timeout: '1ms',
  },
]

async function query(url: string, sql: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** An empty database. Half of the settings belong to the database, half to the role. */
async function databaseWith(settings: Record<string, string>): Promise<string> {
  const maintenance = new URL('/postgres', inject('templateUrl')).href
  const name = `inherited-${randomUUID()}`
  const url = await createDatabase(maintenance, name)
  for (const [index, [setting, value]] of Object.entries(settings).entries()) {
    const database = `DATABASE ${pg.escapeIdentifier(name)}`
    const owner = index % 2 === 0 ? database : `ROLE CURRENT_USER IN ${database}`
    const to = setting === 'search_path' ? value : pg.escapeLiteral(value)
    await query(maintenance, `ALTER ${owner} SET ${setting} = ${to}`)
  }
  // If it is first in the search path, migrations must not create the tables in it.
  await query(url, 'CREATE SCHEMA AUTHORIZATION CURRENT_USER')
  return url
}

const seconds = (time: string) => Date.parse(time) / 1000

test.each([
  { stores: 'Redis and Postgres', settings: INHERITED[0], named: '', schema: 'public' },
  { stores: 'Redis and Postgres', settings: INHERITED[1], named: '?schema=of-its-own', schema: 'of-its-own' },
  { stores: 'Postgres alone', settings: INHERITED[0], named: '?schema=public', schema: 'public' },
  { stores: 'Postgres alone', settings: INHERITED[1], named: '', schema: 'public' },
])(
  'sessions live as long as they should with $settings.timezone, in the schema $schema, through $stores',
  { timeout: 60_000 },
  async ({ stores, settings = {}, named, schema }) => {
    const { redisUrl } = await testStores()
    const databaseUrl = (await databaseWith(settings)) + named
    await migrate(databaseUrl)
    const server = await testServer({
      DATABASE_URL: databaseUrl,
      REDIS_URL: stores === 'Postgres alone' ? '' : redisUrl,
      DATABASE_STATEMENT_TIMEOUT_MS: '10000',
    })
    const redis = new Redis(redisUrl)
    onTestFinished(() => redis.disconnect())

    const refresh = (token: string) => server.call('POST', '/auth/refresh', { refresh_token: token })
    const start = Math.floor(Date.now() / 1000)
    const expectNow = (time: number) => expect(Math.abs(time - start)).toBeLessThan(120)

    const { username, tokens } = await server.login()
    const { iat, exp, auth_time } = claimsOf(tokens.access_token)
    for (const time of [iat, auth_time, exp - 900]) expectNow(time)

    // Twice in a row, Redis loses the session, and it is read from Postgres.
    let token = tokens.refresh_token
    for (let flushes = 0; flushes < 2; flushes++) {
      const first = await refresh(token)
      expect(first.status).toBe(200)
      await expect.poll(() => redeemed(databaseUrl, schema, tokens.session_id)).toBe(String(flushes + 1))
      await redis.flushall()
      expect(await refresh(token)).toMatchObject({ status: 200, body: { refresh_token: first.body.refresh_token } })
      token = first.body.refresh_token
    }

    // Another server writes the same row at the same time.
    const families = `${pg.escapeIdentifier(schema)}.families`
    const again = () => refresh(token)
    const last = stores === 'Postgres alone' ? await duringUpdate(databaseUrl, families, again) : await again()
    expect(last.status).toBe(200)

    const authorization = bearer(last.body.access_token)
    const { body } = await server.call('GET', '/auth/sessions', undefined, authorization)
    expect(body.sessions).toHaveLength(1)
    const [{ created_at, last_used_at, expires_at }] = body.sessions
    for (const time of [seconds(created_at), seconds(last_used_at), seconds(expires_at) - 30 * 86_400]) expectNow(time)

    expect((await server.call('POST', '/auth/login', { username, password: PASSWORD })).status).toBe(200)
    expect((await server.call('POST', '/auth/logout/all', undefined, authorization)).status).toBe(204)
    expect((await refresh(token)).status).toBe(400)
  },
)

async function redeemed(url: string, schema: string, sid: string): Promise<string> {
  const [row] = await query(url, `SELECT redeemed FROM ${pg.escapeIdentifier(schema)}.families WHERE sid = $1`, [sid])
  return row?.redeemed
}

/** Runs `work` while another transaction is writing the row, so that it has to wait. */
async function duringUpdate<T>(url: string, table: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; UPDATE ${table} SET device = 'another'`)
    const answer = work()
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    await expect.poll(async () => (await query(url, waiting)).length).toBe(1)
    await client.query('COMMIT')
    return await answer
  } finally {
    await client.end()
  }
}
