import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/postgres/database.ts'
import { PostgresRevocations } from '../../src/stores/postgres-revocations.ts'
import { admin } from '../support/admin.ts'
import { PASSWORD, type TestServer, bearer, testServer } from '../support/server.ts'
import { isListed } from '../support/status-list.ts'

const SETTINGS = {
  LOG_LEVEL: 'info',
  REFRESH_GRACE_SECONDS: '0',
  REFRESH_LATE_REPEAT_GAP: 'off',
  SESSIONS_PER_USER: '3',
}
let server: TestServer
let database: Database
/** Another server on the same stores. */
let other: TestServer

beforeAll(async () => {
  server = await testServer(SETTINGS)
  database = openDatabase({ url: server.env['DATABASE_URL'] ?? '', poolSize: 1, statementTimeoutMs: 5_000 })
  other = await testServer({ ...SETTINGS, ...server.env })
})

afterAll(() => database.$disconnect())

const operator = async (...args: string[]) => (await admin(server.env, ...args)) && 204
const post = (path: string, body: object, token?: string) =>
  server.call('POST', path, body, token === undefined ? {} : bearer(token))
const login = async (username: string) => (await post('/auth/login', { username, password: PASSWORD })).body

interface Session {
  access_token: string
  refresh_token: string
  session_id: string
}

/** Each ends the first session of a user who has two, and answers the status of the call. */
const WAYS: [string, (user: { username: string; first: Session; second: Session }) => Promise<number>][] = [
  ['logout', async ({ first }) => (await post('/auth/logout', { refresh_token: first.refresh_token })).status],
  ['logout of all', async ({ second }) => (await post('/auth/logout/all', {}, second.access_token)).status],
  [
    'end of one session',
    async ({ first, second }) =>
      (await server.call('DELETE', `/auth/sessions/${first.session_id}`, undefined, bearer(second.access_token)))
        .status,
  ],
  [
    'change of the password',
    async ({ second }) =>
      (
        await post(
          '/auth/password',
          { current_password: PASSWORD, new_password: 'another long and quiet walk' },
          second.access_token,
        )
      ).status,
  ],
  [
    'reuse',
    async ({ first: { refresh_token } }) => {
      await post('/auth/refresh', { refresh_token })
      const { status, body } = await post('/auth/refresh', { refresh_token })
      return body.error === 'invalid_grant' ? 204 : status
    },
  ],
  [
    'limit of sessions',
    async ({ username }) => {
      await login(username)
      return (await login(username)) ? 204 : 0
    },
  ],
  ['admin session revoke', ({ username }) => operator('session', 'revoke', username)],
  ['admin user disable', ({ username }) => operator('user', 'disable', username)],
  [
    'admin client disable',
    async () => {
      await operator('client', 'disable', 'web')
      await operator('client', 'enable', 'web')
      // Every server follows within five seconds, so that the next tests may log in.
      const status = async () => (await post('/auth/login', { username: 'nobody', password: 'wrong' })).status
      await expect.poll(status, { timeout: 20_000 }).toBe(401)
      return 204
    },
  ],
  [
    'SQL by hand',
    async ({ first }) => {
      const rows =
        await database.$executeRaw`UPDATE families SET revoked_at = now(), revoked_reason = 'admin' WHERE sid = ${first.session_id}::uuid`
      return rows === 1 ? 204 : 0
    },
  ],
]

const twoSessions = async () => {
  const { username, tokens: first } = await server.login()
  return { username, first: first as Session, second: (await login(username)) as Session }
}

describe('the list of another server has a session that ended by', () => {
  test.each(WAYS)('%s', async (_way, end) => {
    const user = await twoSessions()
    expect(await isListed(other, user.first.access_token)).toBe(false)
    expect(await end(user)).toBe(204)
    await expect.poll(() => isListed(other, user.first.access_token)).toBe(true)
  })
})

test('one that was revoked in Redis alone is listed, although its logout was not acknowledged', async () => {
  const { first } = await twoSessions()
  const logOut = async () => (await post('/auth/logout', { refresh_token: first.refresh_token })).status
  const superuser = new pg.Client(server.superuserUrl)
  await superuser.connect()
  // Postgres answers nothing about sessions, and takes no revocation.
  await superuser.query('BEGIN; LOCK TABLE families')
  expect(await logOut()).toBe(503)
  await expect.poll(() => isListed(other, first.access_token)).toBe(true)
  await superuser.end()
  await expect.poll(logOut).toBe(204)
})

describe('the log in Postgres', () => {
  test('keeps a revocation whose session a login has deleted, for servers that start afterwards', async () => {
    const { username, first } = await twoSessions()
    expect((await post('/auth/logout', { refresh_token: first.refresh_token })).status).toBe(204)
    const session = await database.family.delete({ where: { sid: first.session_id } })
    expect([(await database.user.findUnique({ where: { id: session.userId } }))?.username]).toEqual([username])
    const rows = () => database.revocations.count({ where: { statusIndexes: { has: session.statusIndex } } })
    expect(await rows()).toBe(1)
    const log = new PostgresRevocations(database)
    const found = async () => (await log.read(60_000, 0, 1_000)).entries.flatMap(([indexes]) => indexes)
    expect(await found()).toContain(Number(session.statusIndex))

    await log.forget(60_000)
    expect(await rows()).toBe(1)
    await database.$executeRaw`UPDATE revocations SET at = at - interval '61 seconds' WHERE ${session.statusIndex} = ANY (status_indexes)`
    await log.forget(60_000)
    expect(await rows()).toBe(0)
  })

  test('gives what was revoked together once, and nothing for a refresh or for what was revoked before', async () => {
    const user = await database.user.findFirst({ where: { username: (await twoSessions()).username } })
    const log = new PostgresRevocations(database)
    const found = async () => (await log.read(60_000, 0, 1_000)).entries.filter(([{ length }]) => length >= 150)
    await database.$executeRaw`
      INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
      SELECT uuid_send(gen_random_uuid()), gen_random_uuid(), ${user?.id}::uuid, 'web', '', now(), now() + interval '1 hour', now()
      FROM generate_series(1, 150)`
    const revoke = () =>
      database.$executeRaw`UPDATE families SET redeemed = redeemed + 1, revoked_at = coalesce(revoked_at, now()) WHERE user_id = ${user?.id}::uuid`
    await database.$executeRaw`UPDATE families SET redeemed = redeemed + 1 WHERE user_id = ${user?.id}::uuid`
    expect(await found()).toEqual([])
    await revoke()
    expect((await found()).map(([indexes]) => indexes.length)).toEqual([152])
    await revoke()
    expect(await found()).toEqual([])
  })
})

describe('without Redis, the list of another server has a session that ended by', () => {
  beforeAll(async () => {
    const once = new Redis(server.redisUrl, { retryStrategy: null })
    await once.shutdown('NOSAVE').catch(() => undefined)
  })

  test.each(WAYS)('%s', async (_way, end) => {
    const user = await twoSessions()
    expect(await end(user)).toBe(204)
    await expect.poll(() => isListed(other, user.first.access_token)).toBe(true)
  })
})
