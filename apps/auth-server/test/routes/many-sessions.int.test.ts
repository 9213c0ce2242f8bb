import type { Redis } from 'ioredis'
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/postgres/database.ts'
import { openStores } from '../support/stores.ts'
import { PASSWORD, type TestServer, bearer, testServer } from '../support/server.ts'

const SESSIONS = 3
const LOGINS = 12

let server: TestServer
let database: Database
let redis: Redis
beforeAll(async () => {
  server = await testServer({
    SESSIONS_PER_USER: String(SESSIONS),
    LOGINS_PER_USER: String(LOGINS),
    LOGIN_ATTEMPTS_PER_ACCOUNT: '100',
  })
  ;({ database, redis } = openStores(server))
})

const login = (username: string, password = PASSWORD) => server.call('POST', '/auth/login', { username, password })
const refresh = (refresh_token: string) => server.call('POST', '/auth/refresh', { refresh_token })
const list = (token: string, query = '') => server.call('GET', `/auth/sessions${query}`, undefined, bearer(token))
const logOutAll = (token: string) => server.call('POST', '/auth/logout/all', undefined, bearer(token))
const changePassword = (token: string, new_password = 'another long and quiet walk') =>
  server.call('POST', '/auth/password', { current_password: PASSWORD, new_password }, bearer(token))

/** Inserts sessions as a server without a limit would have left them, ten at each time. */
const putIn = (username: string, count: number) => database.$executeRaw`
  INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
  SELECT uuid_send(gen_random_uuid()), gen_random_uuid(), id, 'web', 'reports:read', t, t + interval '30 days', t
  FROM (SELECT id, now() - (3600 + n / 10) * interval '1 second' AS t FROM users, generate_series(1, ${count}::int) AS n
        WHERE username = ${username}) AS logins`

const notRevoked = (username: string) => database.family.count({ where: { user: { username }, revokedAt: null } })
const eventsOf = (username: string, reason: string) => database.$queryRaw<
  { sid: string | null; sessions: number | null }[]
>`
  SELECT sid, (detail->>'sessions')::int AS sessions FROM security_events
  WHERE type = 'revoked' AND detail->>'reason' = ${reason} AND user_id = (SELECT id FROM users WHERE username = ${username})`

describe('the limit of sessions', () => {
  test('a login beyond the limit ends the session that was unused for longest, and records it', async () => {
    const { username, tokens: first } = await server.login()
    const [second, third] = [(await login(username)).body, (await login(username)).body]
    const newest = (await refresh(first.refresh_token)).body
    await expect.poll(() => database.family.count({ where: { sid: first.session_id, redeemed: 1 } })).toBe(1)
    const fourth = (await login(username)).body
    expect((await refresh(second.refresh_token)).body.error).toBe('invalid_grant')
    for (const { refresh_token } of [newest, third, fourth]) expect((await refresh(refresh_token)).status).toBe(200)
    expect(await database.family.findFirst({ where: { sid: second.session_id } })).toMatchObject({
      revokedReason: 'session_limit',
    })
    await expect.poll(() => eventsOf(username, 'session_limit')).toEqual([{ sid: second.session_id, sessions: null }])
  })

  test('logins that race for the last places leave exactly as many sessions as are allowed', async () => {
    const { username } = await server.login()
    const opened = await Promise.all(Array.from({ length: LOGINS - 1 }, () => login(username)))
    expect(opened.map(({ status }) => status)).toEqual(Array.from({ length: LOGINS - 1 }, () => 200))
    expect(await notRevoked(username)).toBe(SESSIONS)
    const answers = await Promise.all(opened.map(({ body }) => refresh(body.refresh_token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(SESSIONS)
  })
})

describe('the limit of logins', () => {
  test('counts only successful logins of one user, stores nothing beyond the limit, and says when to try again', async () => {
    const { username } = await server.login()
    for (let i = 1; i < LOGINS; i++) {
      if (i % 4 === 0) expect((await login(username, 'wrong')).status).toBe(401)
      expect((await login(username)).status).toBe(200)
    }
    const sessions = () => database.family.count({ where: { user: { username } } })
    const { status, body, headers } = await login(username)
    expect([status, body.error, await sessions()]).toEqual([429, 'too_many_attempts', LOGINS])
    const seconds = Number(headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(900)
    expect((await login((await server.login()).username)).status).toBe(200)

    await database.$executeRaw`UPDATE families SET created_at = created_at - interval '900 seconds'`
    expect((await login(username)).status).toBe(200)
  })
})

describe('GET /auth/sessions in pages', () => {
  test('each session comes once, newest first, also where many were opened at the same time', async () => {
    const { username, tokens } = await server.login()
    await putIn(username, 250)
    const seen: { id: string; created_at: string }[] = []
    const sizes: number[] = []
    for (let query = ''; ;) {
      const { status, body } = await list(tokens.access_token, query)
      expect(status).toBe(200)
      seen.push(...body.sessions)
      sizes.push(body.sessions.length)
      if (body.next === undefined) break
      query = `?after=${encodeURIComponent(body.next)}`
    }
    expect(sizes).toEqual([100, 100, 51])
    expect(new Set(seen.map(({ id }) => id)).size).toBe(251)
    expect(seen.map(({ created_at }) => created_at)).toEqual(
      seen
        .map(({ created_at }) => created_at)
        .toSorted()
        .toReversed(),
    )
    const few = (await list(tokens.access_token, '?limit=7')).body
    expect(few.sessions.map(({ id }: { id: string }) => id)).toEqual(seen.slice(0, 7).map(({ id }) => id))
    const rest = (await list(tokens.access_token, `?limit=1&after=${few.next}`)).body
    expect(rest.sessions.map(({ id }: { id: string }) => id)).toEqual([seen[7]?.id])
  })

  test.each([
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'after=',
    'after=x',
    'after=1_2',
    'after=999999999999999_00000000-0000-0000-0000-000000000000',
    `after=${Date.UTC(10_000, 0)}_00000000-0000-0000-0000-000000000000`,
  ])('400 for %s', async (query) => {
    const { tokens } = await server.login()
    const { status, body } = await list(tokens.access_token, `?${query}`)
    expect([status, body.error]).toEqual([400, 'invalid_request'])
  })
})

describe('a user with thousands of sessions', () => {
  const MANY = 4_100

  const tombstones = async (username: string) => {
    const rows = await database.family.findMany({ where: { user: { username } }, select: { id: true } })
    const keys = rows.map(({ id }) => `heirloom:family:{${Buffer.from(id).toString('base64url')}}`)
    const reasons = await Promise.all(keys.map((key) => redis.hget(key, 'revokedFor')))
    return reasons.filter((reason) => reason !== null).length
  }

  test('ends them all, in both stores, and nobody else’s', async () => {
    const other = await server.login()
    const { username, tokens } = await server.login()
    await putIn(username, MANY)
    expect((await logOutAll(tokens.access_token)).status).toBe(204)
    expect(await notRevoked(username)).toBe(0)
    expect(await tombstones(username)).toBe(MANY + 1)
    expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(other.tokens.refresh_token)).status).toBe(200)
    const events = () => eventsOf(username, 'logout_all')
    await expect
      .poll(async () => (await events()).reduce((sum, { sessions }) => sum + (sessions ?? 1), 0))
      .toBe(MANY + 1)
    expect((await events()).length).toBeLessThan(200)
  })

  test('changes the password, and keeps the session that asked for it', async () => {
    const { username, tokens } = await server.login()
    await putIn(username, MANY)
    expect((await changePassword(tokens.access_token)).status).toBe(204)
    expect(await notRevoked(username)).toBe(1)
    expect(await tombstones(username)).toBe(MANY)
    expect((await refresh(tokens.refresh_token)).status).toBe(200)
  })

  test('logs in, which forgets all revoked sessions but the newest, and none that is live', async () => {
    const { username, tokens } = await server.login()
    await putIn(username, MANY)
    const live = { user: { username }, revokedAt: null }
    const oldest = await database.family.findFirst({ where: live, orderBy: { createdAt: 'asc' } })
    expect((await logOutAll(tokens.access_token)).status).toBe(204)
    await database.family.update({
      where: { id: oldest?.id ?? Buffer.of() },
      data: { revokedAt: null, revokedReason: null },
    })
    const revoked = { user: { username }, revokedAt: { not: null } }
    const newest = await database.family.findMany({ where: revoked, orderBy: { createdAt: 'desc' }, take: 1_000 })
    for (const left of [MANY - 2_000, 1_000]) {
      expect((await login(username)).status).toBe(200)
      expect(await database.family.count({ where: revoked })).toBe(left)
    }
    const kept = await database.family.findMany({ where: revoked, orderBy: { createdAt: 'desc' } })
    expect(kept.map(({ createdAt }) => createdAt)).toEqual(newest.map(({ createdAt }) => createdAt))
    expect(await database.family.count({ where: { id: oldest?.id ?? Buffer.of() } })).toBe(1)
  })

  test('logs in, which ends surplus sessions a limited number at a time', async () => {
    const { username } = await server.login()
    await putIn(username, 1_200)
    for (const left of [1_201 + 1 - 500, 702 + 1 - 500, 203 + 1 - 201]) {
      expect((await login(username)).status).toBe(200)
      expect(await notRevoked(username)).toBe(left)
    }
  })
})

test('a password change that Postgres fails after its commit is never said to have done nothing', async () => {
  const { username, tokens } = await server.login()
  const next = 'another long and quiet walk'
  const superuser = new pg.Client(server.superuserUrl)
  await superuser.connect()
  // The commit of the new password takes the sessions away, so that what comes after it fails.
  await superuser.query(`
    CREATE FUNCTION take_away() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN ALTER TABLE public.families RENAME TO taken_away; RETURN NULL; END $$;
    CREATE TRIGGER take_away AFTER UPDATE OF password_hash ON users FOR EACH ROW EXECUTE FUNCTION take_away()`)
  const { status, body } = await changePassword(tokens.access_token, next)
  await superuser.query('DROP FUNCTION take_away CASCADE; ALTER TABLE taken_away RENAME TO families')
  await superuser.end()
  expect([status, body.error]).toEqual([503, 'temporarily_unavailable'])
  expect(body.error_description).toMatch(/^The password was changed\./)
  expect((await login(username)).status).toBe(401)
  expect((await login(username, next)).status).toBe(200)
})
