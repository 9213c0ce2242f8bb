import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { fileURLToPath } from 'node:url'
import { freePort } from '@heirloom/local-stack'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answersOfLines, exit, start, stop } from './support/start.ts'

const scripts = fileURLToPath(new URL('..', import.meta.url))
const temporary = mkdtempSync(join(tmpdir(), 'heirloom-start-'))
// Stores that run as another user must be able to enter it.
chmodSync(temporary, 0o711)
const place = {
  DATA_DIR: join(temporary, 'data'),
  AUTH_PORT: String(await freePort()),
  API_PORT: String(await freePort()),
}
const authUrl = `http://127.0.0.1:${place.AUTH_PORT}`

let running: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  running = await start(place)
})
afterAll(async () => {
  await stop(running.copy)
  rmSync(temporary, { recursive: true, force: true })
})

const post = (path: string, body: object) =>
  fetch(`${authUrl}/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
const isRoot = process.getuid?.() === 0
const password = () => /password (\S+)/.exec(running.output)?.[1] ?? ''

test('prints five lines that work one after another', () => {
  const [login, me, refresh, logout, refused] = answersOfLines(running.output)
  expect(login).toContain('"access_token":"ey')
  expect(me).toContain('"roles":["editor"]')
  expect(refresh).toContain('"refresh_token":"hrt_')
  expect(logout).toBe('204\n')
  expect(refused).toContain('"error":"invalid_grant"')
})

test('keeps its secrets to its owner', () => {
  const mode = (path: string) => statSync(join(place.DATA_DIR, path)).mode & 0o777
  // If root runs this, the stores run as another user, who may enter the folder but not list it.
  expect(mode('.')).toBe(isRoot ? 0o711 : 0o700)
  expect(mode('secrets.env')).toBe(0o600)
  expect(mode('running.env')).toBe(0o600)
})

describe('anyone who has the SQL role of the server', () => {
  const written = () => parseEnv(readFileSync(join(place.DATA_DIR, 'running.env'), 'utf8'))
  const asServer = async (sql: string) => {
    const client = new pg.Client({ connectionString: written()['DATABASE_URL'] })
    await client.connect()
    try {
      return (await client.query(sql)).rows as unknown[]
    } finally {
      await client.end()
    }
  }

  test('may only read and write rows', async () => {
    const [role] = await asServer(
      `SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
         (SELECT count(*)::int FROM pg_auth_members WHERE member = pg_roles.oid) AS memberships,
         (SELECT count(*)::int FROM pg_class WHERE relowner = pg_roles.oid) AS owned
       FROM pg_roles WHERE rolname = current_user`,
    )
    const none = {
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolreplication: false,
      rolbypassrls: false,
    }
    expect(role).toEqual({ rolname: 'heirloom_server', ...none, memberships: 0, owned: 0 })
    expect(Object.keys(written()).filter((name) => /OWNER|ADMIN/.test(name))).toEqual([])
  })

  test.each([
    ['reads no file of the machine', `SELECT pg_read_file('/etc/passwd')`],
    ['copies none', `COPY users (username) FROM '/etc/shadow'`],
    ['writes none', `COPY users TO '/tmp/heirloom-users'`],
    ['starts no program', `COPY users (username) FROM PROGRAM 'id'`],
    ['reads none as a large object', `SELECT lo_import('/etc/passwd')`],
    ['makes no table', 'CREATE TABLE mine (n int)'],
    ['makes no temporary one', 'CREATE TEMPORARY TABLE mine (n int)'],
    ['makes no schema', 'CREATE SCHEMA mine'],
    ['makes no function', `CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'`],
    ['makes no extension', 'CREATE EXTENSION lo'],
    ['makes no role', 'CREATE ROLE mine'],
    ['becomes nobody else', 'SET ROLE heirloom_owner'],
    ['changes no table', 'ALTER TABLE users ADD COLUMN mine int'],
    ['empties none', 'TRUNCATE users CASCADE'],
    ['rewrites no history of migrations', 'DELETE FROM _prisma_migrations'],
    ['changes no setting of the server', `ALTER SYSTEM SET log_statement = 'all'`],
    ['sees no hash of a password of Postgres', 'SELECT rolpassword FROM pg_authid'],
  ])('%s', async (_, sql) => {
    await expect(asServer(sql)).rejects.toThrow(/permission denied|must be owner|must be superuser|not permitted/)
  })

  test.runIf(isRoot && process.platform === 'linux')('and no store has a capability, or is root', () => {
    const pidOf = (file: string) => readFileSync(join(place.DATA_DIR, file), 'utf8').split('\n')[0]
    for (const file of ['postgres/cluster/postmaster.pid', 'redis/pid']) {
      const status = readFileSync(`/proc/${pidOf(file)}/status`, 'utf8')
      const [, uid] = /^Uid:\t(\d+)/m.exec(status) ?? []
      const capabilities = [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Amb):\t0*$/gm)]
      expect([file, uid === '0', capabilities.length]).toEqual([file, false, 4])
    }
  })
})

test('the admin command finds it', () => {
  const admin = (env: NodeJS.ProcessEnv) =>
    execFileSync(process.execPath, [join(scripts, 'admin.ts'), 'user', 'list'], {
      env,
      encoding: 'utf8',
      stdio: 'pipe',
    })
  expect(JSON.parse(admin({ ...process.env, ...place }))).toMatchObject({ users: [{ username: 'demo' }] })
  expect(() => admin({ ...process.env, DATA_DIR: temporary })).toThrow('no stack runs on this data folder')
})

test('a second copy is refused with one line, and leaves nothing behind', async () => {
  const elsewhere = join(temporary, 'elsewhere')
  const refusals = await Promise.all([
    start(place),
    start({ ...place, DATA_DIR: elsewhere }),
    start({ ...place, DATA_DIR: join(temporary, 'third'), AUTH_PORT: String(await freePort()) }),
  ])
  expect(refusals.map(({ output }) => output)).toEqual([
    expect.stringMatching(/^Heirloom did not start: .* is in use by another running copy\. .*\n$/),
    expect.stringMatching(new RegExp(`^Heirloom did not start: port ${place.AUTH_PORT} is taken\\. .*AUTH_PORT\n$`)),
    expect.stringMatching(new RegExp(`^Heirloom did not start: port ${place.API_PORT} is taken\\. .*API_PORT\n$`)),
  ])
  expect(await Promise.all(refusals.map(({ copy }) => exit(copy)))).toEqual([1, 1, 1])
  expect(existsSync(join(elsewhere, 'postgres'))).toBe(false)
})

test('Ctrl-C loses nothing: the user is known, and a refresh token still works', async () => {
  const login = await post('login', { username: 'demo', password: password() })
  const { refresh_token } = (await login.json()) as { refresh_token: string }
  const before = password()

  expect(await stop(running.copy)).toBe(0)
  expect(existsSync(join(place.DATA_DIR, 'running.env'))).toBe(false)
  await expect(fetch(`${authUrl}/livez`)).rejects.toThrow('fetch failed')

  running = await start(place)
  expect(password()).toBe(before)
  expect(await post('refresh', { refresh_token })).toMatchObject({ status: 200 })
  expect(await post('login', { username: 'demo', password: password() })).toMatchObject({ status: 200 })
})

test('comes back after it was killed', async () => {
  const login = await post('login', { username: 'demo', password: password() })
  const { refresh_token } = (await login.json()) as { refresh_token: string }
  running.copy.kill('SIGKILL')
  await exit(running.copy)

  running = await start(place)
  expect(await post('refresh', { refresh_token })).toMatchObject({ status: 200 })
})

test('without a Redis, says so and works', async () => {
  await stop(running.copy)
  running = await start({ ...place, REDIS_URL: '' })
  expect(running.output).toContain('Redis: none')
  const login = await post('login', { username: 'demo', password: password() })
  const { refresh_token } = (await login.json()) as { refresh_token: string }
  expect(await post('refresh', { refresh_token })).toMatchObject({ status: 200 })
})

test('the reason why it does not start is one line', async () => {
  await stop(running.copy)
  const lastWords = async (env: NodeJS.ProcessEnv) => (await start({ ...place, ...env })).output.split('\n').at(-2)

  expect(await lastWords({ AUTH_PORT: 'x' })).toBe(
    'Heirloom did not start: AUTH_PORT must be a whole number from 1 to 65535, in digits alone and without a unit',
  )
  expect(await lastWords({ DATA_DIR: scripts })).toMatch(
    / is not empty and not a Heirloom data folder\. Set DATA_DIR to another folder$/,
  )
  expect(await lastWords({ DATABASE_URL: 'postgres://127.0.0.1:1/none' })).toMatch(
    /Nothing listens at the host and port in DATABASE_URL/,
  )
  expect(await lastWords({ ACCESS_TOKEN_TTL_SECONDS: 'soon' })).toMatch(/auth-server did not come up: ACCESS_TOKEN_TTL/)

  const version = join(place.DATA_DIR, 'version')
  const original = readFileSync(version, 'utf8')
  writeFileSync(version, '999')
  expect(await lastWords({})).toMatch(/ is a data folder of version 999, but this Heirloom needs version 1\. /)
  writeFileSync(version, original)
})
