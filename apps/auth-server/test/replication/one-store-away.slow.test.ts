import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXAMPLE_REALM, type Service, type Store, startPostgres, startRedis, startService } from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../../../prisma/migrate.ts'
import { cookieOf, ownPage } from '../support/by-cookie.ts'
import { PASSWORD } from '../support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'heirloom-faults-'))
const redisFolder = join(folder, 'redis')
let postgres: Store
let redis: Store
let servers: [Service, Service]

const startOurRedis = async (port?: number) => {
  const started = await startRedis({
    dataDir: redisFolder,
    settings: { appendonly: 'no', dbfilename: 'dump.rdb' },
    ...(port && { port }),
  })
  if (!started) throw new Error('there is no Redis')
  return started
}

beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startPostgres({ dataDir: join(folder, 'postgres') }), startOurRedis()])
  await migrate(postgres.url)
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
    LOGIN_ATTEMPTS_PER_ACCOUNT: '10000',
  }
  const start = () => startService({ script: 'apps/auth-server', env })
  servers = await Promise.all([start(), start()])
  await Promise.all(servers.map((server) => server.ready()))
  await post(servers[0], '/auth/register', { username: 'ann', password: PASSWORD })
}, 60_000)

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await Promise.all([postgres.stop(), redis.stop()])
  rmSync(folder, { recursive: true, force: true })
})

interface Outcome {
  status: number
  error?: string
  token: string
  retryAfter: string | null
  /** The answer removes the cookie. */
  isCleared: boolean
}

async function post(
  server: Service,
  path: string,
  body: object | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Outcome> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    ...(body instanceof URLSearchParams
      ? { body }
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }),
  })
  const text = await response.text()
  const { refresh_token: token = cookieOf(response.headers, 'web') ?? '', error } = text === '' ? {} : JSON.parse(text)
  return {
    status: response.status,
    error,
    token,
    retryAfter: response.headers.get('retry-after'),
    isCleared: response.headers.getSetCookie().some((one) => one.includes('Max-Age=0')),
  }
}

const login = () => post(servers[0], '/auth/login', { username: 'ann', password: PASSWORD })
const revoke = (token: string) => post(servers[0], '/oauth2/revoke', new URLSearchParams({ client_id: 'web', token }))
const logout = (token: string, server = servers[0]) => post(server, '/auth/logout', { refresh_token: token })
const refresh = (token: string, server = servers[0]) => post(server, '/auth/refresh', { refresh_token: token })
const byCookie = (path: string, token: string, server = servers[0]) =>
  post(server, path, { client_id: 'web' }, ownPage('http://127.0.0.1:4000', 'web', token))
const sessions = async (count: number) =>
  (await Promise.all(Array.from({ length: count }, login))).map(({ token }) => token)

/** Waits until both servers log that they use Redis, or that they do not. */
const untilRedisIsUsed = (isUsed: boolean) => {
  const line = isUsed ? 'refreshes go through Redis' : 'refreshes go through Postgres'
  const last = (server: Service) => server.output.findLast((one) => one.includes('refreshes go through'))
  return expect.poll(() => servers.every((server) => last(server)?.includes(line)), { timeout: 15_000 }).toBe(true)
}

/** An honest client can refresh through either server, by body or by cookie, and never gets `invalid_grant`. */
async function expectAllRefresh(tokens: string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    tokens.map((token, i) => {
      const server = servers[i % 2 ? 1 : 0]
      return i % 4 < 2 ? refresh(token, server) : byCookie('/auth/refresh', token, server)
    }),
  )
  expect(outcomes.map(({ status }) => status)).toEqual(tokens.map(() => 200))
  return outcomes.map(({ token }) => token)
}

/** Postgres has a process per connection. */
const workersOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)

const expectDead = async (tokens: string[]) => {
  for (const token of tokens)
    for (const server of servers)
      for (const outcome of [await refresh(token, server), await byCookie('/auth/refresh', token, server)])
        expect(outcome).toMatchObject({ error: 'invalid_grant', isCleared: false })
}

describe('Redis away', () => {
  test('stopped, not closed: refreshes and revocations continue, and hold when it is back', async () => {
    const [live, dead] = [await sessions(8), await sessions(4)]
    redis.kill('SIGSTOP')
    const next = await expectAllRefresh(live)
    for (const token of dead) expect((await logout(token)).status).toBe(204)
    await untilRedisIsUsed(false)
    await expectDead(dead)
    const after = await expectAllRefresh(next)
    redis.kill('SIGCONT')
    await untilRedisIsUsed(true)
    await expectDead(dead)
    await expectAllRefresh(after)
  })

  test('back from an old snapshot: sessions that were revoked meanwhile stay revoked, and no other session ends', async () => {
    const [live, dead] = [await sessions(8), await sessions(20)]
    const client = new Redis(redis.url)
    await client.save()
    client.disconnect()
    copyFileSync(join(redisFolder, 'dump.rdb'), join(folder, 'old.rdb'))
    const next = await expectAllRefresh(live)

    redis.kill('SIGKILL')
    await redis.exited
    await untilRedisIsUsed(false)
    for (const token of dead) expect((await logout(token, servers[1])).status).toBe(204)
    const after = await expectAllRefresh(next)
    copyFileSync(join(folder, 'old.rdb'), join(redisFolder, 'dump.rdb'))
    redis = await startOurRedis(redis.port)
    await untilRedisIsUsed(true)
    await expectDead(dead)
    await expectAllRefresh(after)
    // The token from before the snapshot: in the old copy, it was the newest.
    expect((await refresh(live[0] ?? '')).error).toBe('invalid_grant')
  })

  test('full: refreshes continue', async () => {
    const live = await sessions(4)
    const client = new Redis(redis.url)
    await client.config('SET', 'maxmemory', '1mb', 'maxmemory-policy', 'noeviction')
    const next = await expectAllRefresh(live)
    await untilRedisIsUsed(false)
    const after = await expectAllRefresh(next)
    await client.config('SET', 'maxmemory', '0')
    client.disconnect()
    await untilRedisIsUsed(true)
    await expectAllRefresh(after)
  })

  test('flushed: every session is found in Postgres', async () => {
    const live = await sessions(4)
    const next = await expectAllRefresh(live)
    const client = new Redis(redis.url)
    await client.flushall()
    client.disconnect()
    await expectAllRefresh(next)
  })
})

describe('Postgres away', () => {
  test('stopped, not closed: refreshes continue; login, logout and revocation answer 503 with Retry-After', async () => {
    const live = await sessions(8)
    const [ending = ''] = await sessions(1)
    const stopped = [postgres.pid, ...workersOf(postgres.pid)]
    for (const pid of stopped) process.kill(pid, 'SIGSTOP')
    try {
      const next = await expectAllRefresh(live)
      const after = await expectAllRefresh(next)
      for (const outcome of [await login(), await logout(ending), await revoke(ending)])
        expect(outcome).toMatchObject({ status: 503, error: 'temporarily_unavailable', retryAfter: expect.any(String) })
      // The page keeps the cookie, so that it can ask again.
      expect(await byCookie('/auth/logout', ending)).toMatchObject({ status: 503, isCleared: false })
      // The tombstone works already.
      expect((await refresh(ending, servers[1])).error).toBe('invalid_grant')
      live.splice(0, live.length, ...after)
    } finally {
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
    }
    await expect.poll(async () => (await logout(ending)).status, { timeout: 10_000 }).toBe(204)
    expect(await byCookie('/auth/logout', ending)).toMatchObject({ status: 204, isCleared: true })
    expect((await revoke(ending)).status).toBe(200)
    await expectAllRefresh(live)
  })

  test('both away: 503 with Retry-After, and the same token works afterwards', async () => {
    const live = await sessions(4)
    postgres.kill('SIGKILL')
    redis.kill('SIGKILL')
    await Promise.all([postgres.exited, redis.exited])
    const away = { status: 503, error: 'temporarily_unavailable', retryAfter: '1', isCleared: false }
    for (const token of live)
      for (const outcome of [await refresh(token), await byCookie('/auth/refresh', token)])
        expect(outcome).toMatchObject(away)
    ;[postgres, redis] = await Promise.all([
      startPostgres({ dataDir: join(folder, 'postgres'), port: postgres.port }),
      startOurRedis(redis.port),
    ])
    await untilRedisIsUsed(true)
    await expectAllRefresh(live)
  })
})
