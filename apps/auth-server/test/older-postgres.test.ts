import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Service, type Store, startPostgres, startRedis, startService } from '@heirloom/stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../../prisma/migrate.ts'
import { PASSWORD } from './support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'heirloom-older-'))
const dataDir = join(folder, 'postgres')
const PATIENCE = { timeout: 40_000 }
let postgres: Store
let redis: Store
let server: Service
let env: Record<string, string>

const start = () => startService({ script: 'apps/auth-server', env })

beforeAll(async () => {
  const [started, startedRedis] = await Promise.all([
    startPostgres({ dataDir }),
    startRedis({ dataDir: join(folder, 'redis'), settings: { appendonly: 'no' } }),
  ])
  if (!startedRedis) throw new Error('there is no Redis')
  ;[postgres, redis] = [started, startedRedis]
  await migrate(postgres.url)
  env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
    LOGIN_ATTEMPTS_PER_ACCOUNT: '10000',
    DATABASE_STATEMENT_TIMEOUT_MS: '5000',
  }
  server = await start()
  await server.ready()
  for (const username of ['ann', 'bob']) await post('/auth/register', { username, password: PASSWORD })
}, 120_000)

afterAll(async () => {
  await server.stop()
  await Promise.all([postgres.stop(), redis.stop()])
  rmSync(folder, { recursive: true, force: true })
})

async function post(path: string, body: object, at = server, headers: Record<string, string> = {}) {
  const response = await fetch(at.url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
  const answer = await response.text()
  const { refresh_token: token = '', access_token: access = '', error = null } = answer === '' ? {} : JSON.parse(answer)
  return { status: response.status, retryAfter: response.headers.get('retry-after'), token, access, error }
}

const refresh = (token: string, at = server) => post('/auth/refresh', { refresh_token: token }, at)
const logout = (token: string) => post('/auth/logout', { refresh_token: token })
/** Also right after a start of Postgres. */
const untilLogin = async (username = 'ann') => {
  let answer = await post('/auth/login', { username, password: PASSWORD })
  await expect
    .poll(
      async () =>
        answer.status === 200 ? 200 : (answer = await post('/auth/login', { username, password: PASSWORD })).status,
      PATIENCE,
    )
    .toBe(200)
  return answer
}
const untilLogout = async (token: string) => {
  await expect.poll(async () => (await logout(token)).status, PATIENCE).toBe(204)
}
const readiness = async (at = server) => {
  const response = await fetch(`${at.url}/readyz`)
  return [response.status, await response.text()].join(' ')
}
const untilReady = async (at = server) => {
  await expect.poll(() => readiness(at), PATIENCE).toMatch(/^200/)
}
const untilNoticed = async (at = server) => {
  await expect.poll(() => readiness(at), PATIENCE).toMatch(/^503 .*npm run admin -- restore/)
}

async function admin(...args: string[]) {
  const child = spawn(process.execPath, ['apps/auth-server/src/admin.ts', ...args], {
    env: { PATH: process.env['PATH'], TZ: process.env['TZ'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout))
}

async function ask(store: Store, sql: string) {
  const client = new pg.Client({ connectionString: store.url })
  await client.connect()
  try {
    return (await client.query(sql)).rows[0]?.answer
  } finally {
    await client.end()
  }
}

/** Of a Postgres that is not running. */
const copy = (from: string, to: string) => {
  rmSync(to, { recursive: true, force: true })
  execFileSync('cp', ['-a', from, to])
}

const expectNothingDecided = async (tokens: string[], at: Service) => {
  for (const token of tokens)
    expect(await refresh(token, at)).toMatchObject({
      status: 503,
      error: 'temporarily_unavailable',
      retryAfter: '30',
      token: '',
    })
}
const expectDead = async (tokens: string[], at: Service) => {
  for (const token of tokens) expect(await refresh(token, at)).toMatchObject({ status: 400, error: 'invalid_grant' })
}
const expectLive = async (tokens: string[], at: Service) => {
  for (const token of tokens) expect(await refresh(token, at)).toMatchObject({ status: 200 })
}

describe('Postgres restored from an old backup', { timeout: 180_000 }, () => {
  test('nothing is decided until a restore; then no revoked session returns, and those that Redis knew go on', async () => {
    const [live, refreshed, ended, endedToo, evicted] = [
      await untilLogin(),
      await untilLogin(),
      await untilLogin(),
      await untilLogin(),
      await untilLogin(),
    ]
    const [bob, bobElsewhere] = [await untilLogin('bob'), await untilLogin('bob')]

    await postgres.stop()
    copy(join(dataDir, 'cluster'), join(folder, 'backup'))
    postgres = await startPostgres({ dataDir, port: postgres.port })

    const since = await untilLogin()
    for (const { token } of [ended, endedToo]) await untilLogout(token)
    const next = await refresh(refreshed.token)
    const change = { current_password: PASSWORD, new_password: 'another long and quiet walk' }
    expect(await post('/auth/password', change, server, { authorization: `Bearer ${bob.access}` })).toMatchObject({
      status: 204,
    })

    await postgres.stop()
    copy(join(folder, 'backup'), join(dataDir, 'cluster'))
    postgres = await startPostgres({ dataDir, port: postgres.port })
    await untilNoticed()
    const second = await start()
    await expect
      .poll(() => readiness(second).catch(() => second.output.join()), PATIENCE)
      .toMatch(/^503 .*npm run admin -- restore/)

    const client = new Redis(redis.url)
    await client.del(
      `heirloom:family:{${Buffer.from(evicted.token.slice(4), 'base64url').subarray(2, 18).toString('base64url')}}`,
    )
    client.disconnect()
    const [going, gone] = [
      [live, next, since, bob].map(({ token }) => token),
      [ended, endedToo, evicted, bobElsewhere].map(({ token }) => token),
    ]
    try {
      for (const at of [server, second]) {
        await expectNothingDecided([...going, ...gone], at)
        expect(await post('/auth/login', { username: 'ann', password: PASSWORD }, at)).toMatchObject({
          status: 503,
          token: '',
        })
        expect((await fetch(`${at.url}/.well-known/jwks.json`)).status).toBe(200)
      }

      expect(await admin('restore')).toEqual({
        restored: true,
        merged: 7,
        recovered: 1,
        revocations_recovered: 3,
        revoked: 1,
        accounts_changed: ['bob'],
      })
      for (const at of [server, second]) {
        await untilReady(at)
        await expectDead(gone, at)
      }
      await expectLive(going, server)
      expect(await admin('restore')).toEqual({ restored: false })
      expect(await readiness()).toMatch(/^200/)
    } finally {
      await second.stop()
    }
  })
})

describe('a standby takes over', { timeout: 180_000 }, () => {
  /** Streams from Postgres, until it is cut off. */
  async function startStandby(): Promise<Store> {
    const standbyDir = join(folder, 'standby')
    await postgres.stop()
    copy(dataDir, standbyDir)
    postgres = await startPostgres({ dataDir, port: postgres.port })
    const { username, password, port } = new URL(postgres.url)
    const conninfo = `host=127.0.0.1 port=${port} user=${username} password=${password}`
    appendFileSync(join(standbyDir, 'cluster', 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`)
    writeFileSync(join(standbyDir, 'cluster', 'standby.signal'), '')
    return startPostgres({ dataDir: standbyDir })
  }

  const untilCaughtUp = async (standby: Store) => {
    const written = await ask(postgres, 'SELECT pg_current_wal_lsn() AS answer')
    const hasIt = () => ask(standby, `SELECT pg_last_wal_replay_lsn() >= '${written}' AS answer`)
    await expect.poll(hasIt, PATIENCE).toBe(true)
  }

  /** Postgres dies, and the standby takes its place and its address. */
  async function failOverTo(standby: Store) {
    postgres.kill('SIGKILL')
    await postgres.exited
    await ask(standby, 'SELECT pg_promote() AS answer')
    await standby.stop()
    copy(join(folder, 'standby'), dataDir)
    postgres = await startPostgres({ dataDir, port: postgres.port })
  }

  test('with all that was acknowledged: nobody notices', async () => {
    const [live, ended] = [await untilLogin(), await untilLogin()]
    const standby = await startStandby()
    await untilLogout(ended.token)
    await untilCaughtUp(standby)
    await failOverTo(standby)
    await untilLogin()
    await expectDead([ended.token], server)
    await expectLive([live.token], server)
    expect(await ask(postgres, 'SELECT is_lost AS answer FROM history')).toBe(false)
  })

  test('without the last logout: nothing is decided until a restore, which two may start at once', async () => {
    const [live, ended] = [await untilLogin(), await untilLogin()]
    const standby = await startStandby()
    await untilLogin()
    await untilCaughtUp(standby)
    await ask(standby, `ALTER SYSTEM SET primary_conninfo = ''`)
    await ask(standby, 'SELECT pg_reload_conf() AS answer')
    await expect.poll(() => ask(standby, 'SELECT count(*)::int AS answer FROM pg_stat_wal_receiver'), PATIENCE).toBe(0)
    await untilLogout(ended.token)
    await failOverTo(standby)

    await untilNoticed()
    await expectNothingDecided([live.token, ended.token], server)
    const both = await Promise.all([admin('restore'), admin('restore')])
    expect(both.some(({ restored }) => restored)).toBe(true)
    await untilReady()
    await expectDead([ended.token], server)
    await expectLive([live.token], server)
  })
})
