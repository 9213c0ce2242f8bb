import { beforeAll, describe, expect, test, vi } from 'vitest'
import { runAdmin } from './support/admin.ts'
import { PASSWORD, type TestServer, testServer } from './support/server.ts'
import { openStores } from './support/stores.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})

const adminWith = (input: string, ...args: string[]) => runAdmin(server.env, input, ...args)
const admin = (...args: string[]) => adminWith('', ...args)

const login = (username: string, password = PASSWORD) => server.call('POST', '/auth/login', { username, password })
const refresh = async (refresh_token: string) => (await server.call('POST', '/auth/refresh', { refresh_token })).body

describe('admin user', () => {
  test('adds a user with a password from standard input, or with a generated one', async () => {
    const added = await adminWith(`${PASSWORD}\n`, 'user', 'add', 'eve', '--role', 'editor', '--password-stdin')
    expect(added).toMatchObject({ code: 0, answer: { username: 'eve', roles: ['editor'] } })
    expect((await login('eve')).body.scope).toBe('reports:read reports:write')

    const made = await admin('user', 'add', 'fay')
    expect((await login('fay', made.answer.password)).status).toBe(200)
  })

  test('reports a mistake in one line and exits with 1', async () => {
    const short = await adminWith('short', 'user', 'add', 'gil', '--password-stdin')
    expect(short).toMatchObject({
      code: 1,
      stderr: 'admin: The password must have at least 15 visible characters.\n',
      answer: null,
    })
    expect(await admin('user', 'disable', 'nobody')).toMatchObject({
      code: 1,
      stderr: 'admin: there is no user "nobody"\n',
    })
    expect((await admin('user', 'roles', 'nobody', 'king')).code).toBe(1)
    expect(await admin('user', 'disable', '-nobody')).toMatchObject({
      code: 1,
      stderr: "error: unknown option '-nobody'. Put an argument that starts with a dash after `--`.\n",
    })
    expect((await admin('user', 'disable', '--', '-nobody')).stderr).toBe('admin: there is no user "-nobody"\n')
  })

  test('roles take effect at the next refresh, and never widen the granted scope', async () => {
    await adminWith(PASSWORD, 'user', 'add', 'hal', '--role', 'editor', '--password-stdin')
    const first = (await login('hal')).body
    const same = await refresh(first.refresh_token)
    expect(same.scope).toBe('reports:read reports:write')
    await admin('user', 'roles', 'hal', 'user')
    const less = await refresh(same.refresh_token)
    expect(less.scope).toBe('reports:read')
    await admin('user', 'roles', 'hal', 'admin')
    expect((await refresh(less.refresh_token)).scope).toBe('reports:read reports:write')
  })

  test('a disabled user can neither refresh nor log in; once enabled, the user has to log in', async () => {
    await adminWith(PASSWORD, 'user', 'add', 'ida', '--password-stdin')
    const { refresh_token } = (await login('ida')).body
    expect((await admin('user', 'disable', 'ida')).answer).toMatchObject({ disabled: true, sessions_ended: 1 })
    expect((await refresh(refresh_token)).error).toBe('invalid_grant')
    expect((await login('ida')).body.error).toBe('invalid_credentials')
    await admin('user', 'enable', 'ida')
    expect((await refresh(refresh_token)).error).toBe('invalid_grant')
    expect((await login('ida')).status).toBe(200)
  })
})

test('admin session lists, revokes one, revokes all, and prunes', async () => {
  await adminWith(PASSWORD, 'user', 'add', 'jon', '--password-stdin')
  const [first, second] = [(await login('jon')).body, (await login('jon')).body]
  expect((await admin('session', 'list', 'jon')).answer.sessions).toMatchObject([{ live: true }, { live: true }])
  expect((await admin('session', 'revoke', 'jon', first.session_id)).answer).toEqual({ sessions_ended: 1 })
  expect((await refresh(first.refresh_token)).error).toBe('invalid_grant')
  expect((await admin('session', 'revoke', 'jon', 'x')).code).toBe(1)
  const next = await refresh(second.refresh_token)
  expect((await admin('session', 'revoke', 'jon')).answer).toEqual({ sessions_ended: 1 })
  expect((await refresh(next.refresh_token)).error).toBe('invalid_grant')
  const story = [
    'Logged in from 127.0.0.1.',
    expect.stringMatching(/^The session ended: an operator ended it\. By command:/),
    'A refresh was refused: revoked.',
  ]
  // Events are written in batches, after the answer.
  await vi.waitFor(async () => {
    const { sessions } = (await admin('session', 'list', 'jon')).answer
    const shown = sessions.map(({ events }: { events: string[] }) => events.map((line) => line.slice(25)).toReversed())
    expect(shown).toEqual([story, story])
  }, 10_000)
  expect((await admin('session', 'prune')).answer).toEqual({ sessions: 0, codes: 0, events: 0, keys: 0 })
})

test('a list of any length is one JSON document', async () => {
  await adminWith(PASSWORD, 'user', 'add', 'kay', '--password-stdin')
  expect((await admin('session', 'list', 'kay')).answer).toEqual({ sessions: [] })
  const { database } = openStores(server)
  await database.$executeRaw`
    INSERT INTO users (username, username_key, password_hash, roles)
    SELECT name, name, '', '{user}' FROM (SELECT 'many-' || n FROM generate_series(1, 2100) AS n) AS names (name)`
  await database.$executeRaw`
    INSERT INTO families (id, sid, user_id, client_id, scope, created_at, expires_at, redeemed_at)
    SELECT uuid_send(gen_random_uuid()), gen_random_uuid(), id, 'web', 'reports:read', t, t + interval '30 days', t
    FROM (SELECT id, now() - n / 10 * interval '1 second' AS t FROM users, generate_series(1, 1100) AS n WHERE username = 'kay') AS l`
  const { users } = (await admin('user', 'list')).answer
  const names = new Set(users.map(({ username }: { username: string }) => username))
  expect([users.length, names.size, names.has('kay'), names.has('many-2100')]).toEqual([
    names.size,
    users.length,
    true,
    true,
  ])
  expect(names.size).toBeGreaterThan(2_100)
  const { sessions } = (await admin('session', 'list', 'kay')).answer
  expect(new Set(sessions.map(({ id }: { id: string }) => id)).size).toBe(1_100)
  expect(sessions).toHaveLength(1_100)
})

test('admin key remove: the last key is replaced at once, and its tokens are refused', async () => {
  await adminWith(PASSWORD, 'user', 'add', 'ida', '--password-stdin')
  const { access_token: token, refresh_token } = (await login('ida')).body
  const [{ kid }] = (await admin('key', 'list')).answer.keys
  const { answer } = await admin('key', 'remove', kid)
  expect(answer.keys).toMatchObject([{ state: 'signing' }])
  expect(answer.keys[0].kid).not.toBe(kid)
  const me = (bearer: string) => server.call('GET', '/auth/me', undefined, { authorization: `Bearer ${bearer}` })
  await expect.poll(async () => (await me(token)).status, { timeout: 10_000 }).toBe(401)
  expect((await me((await refresh(refresh_token)).access_token)).status).toBe(200)
  expect(await admin('key', 'remove', kid)).toMatchObject({ code: 1, stderr: `admin: there is no key "${kid}"\n` })
})

test('admin key rotate publishes the next key, which does not sign yet', async () => {
  const { answer } = await admin('key', 'rotate')
  expect(answer.keys.map(({ state }: { state: string }) => state)).toEqual(['signing', 'coming'])
  expect((await admin('key', 'list')).answer).toEqual(answer)
  const [signing, coming] = answer.keys
  expect(await admin('key', 'rotate')).toMatchObject({
    code: 1,
    answer: null,
    stderr: expect.stringMatching(`^admin: the key ${coming.kid} is coming and signs from ${coming.signs_from};.*\\n$`),
  })
  await expect
    .poll(async () => (await server.call('GET', '/.well-known/jwks.json')).body.keys, { timeout: 10_000 })
    .toHaveLength(2)
  // After a leak: the coming key is known everywhere, and signs at once.
  expect((await admin('key', 'remove', signing.kid)).answer.keys).toMatchObject([{ kid: coming.kid, state: 'signing' }])
})
