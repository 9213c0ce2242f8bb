import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Service, type Store, startPostgres, startRedis, startService } from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../../../prisma/migrate.ts'
import { PASSWORD } from '../support/server.ts'

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

const familyKey = (token: string) =>
  `heirloom:family:{${Buffer.from(token.slice(4), 'base64url').subarray(2, 18).toString('base64url')}}`

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
    await client.del(familyKey(evicted.token))
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

  const cutOff = async (standby: Store) => {
    await ask(standby, `ALTER SYSTEM SET primary_conninfo = ''`)
    await ask(standby, 'SELECT pg_reload_conf() AS answer')
    await expect.poll(() => ask(standby, 'SELECT count(*)::int AS answer FROM pg_stat_wal_receiver'), PATIENCE).toBe(0)
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
    await cutOff(standby)
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

  /** Two servers that restore by themselves, and are told apart by Postgres. */
  async function startTwo() {
    const named = (name: string) =>
      startService({
        script: 'apps/auth-server',
        env: { ...env, DATABASE_URL: `${postgres.url}?application_name=${name}`, POSTGRES_ROLLBACK: 'restore' },
      })
    const two = { first: await named('first'), second: await named('second') }
    onTestFinished(() => Promise.all([two.first.stop(), two.second.stop()]).then(() => undefined))
    await Promise.all([two.first.ready(), two.second.ready()])
    return two
  }

  /** A standby lacks a logout and a login; Redis lacks one session that both have. */
  async function loseSomething() {
    const [live, ended, evicted] = [await untilLogin(), await untilLogin(), await untilLogin()]
    const standby = await startStandby()
    await untilLogin()
    await untilCaughtUp(standby)
    await cutOff(standby)
    await untilLogout(ended.token)
    const since = await untilLogin()
    const client = new Redis(redis.url)
    await client.del(familyKey(evicted.token))
    client.disconnect()
    return { standby, going: [live.token, since.token], gone: [ended.token, evicted.token] }
  }

  const restores = () =>
    ask(postgres, `SELECT count(*)::int AS answer FROM security_events WHERE type = 'postgres_restored'`)

  test('POSTGRES_ROLLBACK=restore: one of two servers ends the sessions of unknown fate, and all go on', async () => {
    const two = await startTwo()
    const { standby, going, gone } = await loseSomething()
    const before = await restores()
    await failOverTo(standby)
    await expect.poll(restores, PATIENCE).toBe(before + 1)
    // The one that stops until an operator acts goes on with them.
    for (const at of [two.first, two.second, server]) {
      await untilReady(at)
      await expectDead(gone, at)
    }
    await expectLive(going, two.first)
    expect(await restores()).toBe(before + 1)
    const said = [...two.first.output, ...two.second.output].filter((line) =>
      line.includes('Postgres was an older one'),
    )
    expect(said).toHaveLength(1)
  })

  test('POSTGRES_ROLLBACK=restore: one that is killed in the middle leaves it to the other', async () => {
    const two = await startTwo()
    const { standby, going, gone } = await loseSomething()
    const before = await restores()
    for (const one of Object.values(two)) one.kill('SIGSTOP')
    await failOverTo(standby)
    const blocker = new pg.Client({ connectionString: postgres.url })
    await blocker.connect()
    await blocker.query('BEGIN')
    await blocker.query('LOCK TABLE families IN SHARE MODE')
    for (const one of Object.values(two)) one.kill('SIGCONT')

    const holder = `SELECT application_name AS answer FROM pg_stat_activity JOIN pg_locks USING (pid)
      WHERE locktype = 'advisory' AND granted AND state = 'idle in transaction'`
    await expect.poll(() => ask(postgres, holder), PATIENCE).toMatch(/first|second/)
    const name = (await ask(postgres, holder)) as keyof typeof two
    const other = name === 'first' ? 'second' : 'first'
    two[name].kill('SIGKILL')
    await expect.poll(() => ask(postgres, holder), PATIENCE).toBe(other)
    await expectNothingDecided([...going, ...gone], server)
    expect(await restores()).toBe(before)
    await blocker.end()

    await expect.poll(restores, PATIENCE).toBe(before + 1)
    for (const at of [two[other], server]) {
      await untilReady(at)
      await expectDead(gone, at)
    }
    await expectLive(going, two[other])
  })

  test('POSTGRES_ROLLBACK=restore: what the own Redis does not show is left to the operator', async () => {
    const live = await untilLogin()
    const { first, second } = await startTwo()
    await ask(postgres, 'UPDATE history SET is_lost = true')
    for (const at of [first, second])
      await expect.poll(() => at.output.join(), PATIENCE).toMatch('does not show what is missing')
    await untilNoticed(first)
    expect(await admin('restore')).toMatchObject({ restored: true })
    await untilReady(first)
    await expectLive([live.token], first)
  })
})
