import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  EXAMPLE_REALM,
  type RedisCluster,
  type Sentinel,
  type Service,
  startRedisCluster,
  startSentinel,
  startService,
} from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, expect, test } from 'vitest'
import { PASSWORD } from '../support/server.ts'

/** A login costs a password hash. */
const SESSIONS = 6

const folder = mkdtempSync(join(tmpdir(), 'heirloom-fail-over-'))
const started: { stop: () => Promise<void> }[] = []
afterAll(async () => {
  // The servers before the stores.
  for (const one of started.toReversed()) await one.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Retries a 503, as clients do. On a slow machine, a time-out must not fail the test. */
async function post({ url }: Service, path: string, body: object) {
  for (;;) {
    const response = await fetch(url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    const text = await response.text()
    if (response.status === 503) continue
    const { refresh_token: token = '', error } = text === '' ? {} : JSON.parse(text)
    return { status: response.status, token: token as string, error: error as string | undefined }
  }
}

/** Two servers on a database and a Redis of their own, and sessions that refresh without a pause until they are told to stop. */
async function underLoad(redisUrl: string) {
  const { databaseUrl } = await testStores()
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    DATABASE_STATEMENT_TIMEOUT_MS: '5000',
    LOGIN_ATTEMPTS_PER_ACCOUNT: '10000',
    LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
  }
  const start = () => startService({ script: 'apps/auth-server', env })
  const servers = await Promise.all([start(), start()])
  started.push(...servers)
  await Promise.all(servers.map((server) => server.ready()))
  await post(servers[0], '/auth/register', { username: 'ann', password: PASSWORD })
  const login = async () => {
    const { status, token } = await post(servers[0], '/auth/login', { username: 'ann', password: PASSWORD })
    expect(status).toBe(200)
    return token
  }

  const words = (server: Service) => server.output.filter((line) => line.includes('refreshes go through'))
  const goesThrough = (store: string) => servers.every((server) => words(server).at(-1)?.includes(`through ${store}`))
  /** How many lines each server had written when the master was killed. */
  let written = servers.map(() => 0)
  /** A fail-over is short, so a poll may miss it. The log of a server does not. */
  const wentThrough = (store: string) =>
    servers.every((server, i) =>
      words(server)
        .slice(written[i])
        .some((line) => line.includes(`through ${store}`)),
    )
  await expect.poll(() => goesThrough('Redis'), { timeout: 15_000 }).toBe(true)

  const refused: string[] = []
  let refreshes = 0
  const load = { isOver: false }
  const goOn = async (first: string, begin: number) => {
    for (let token = first, i = begin; !load.isOver; i++) {
      const answer = await post(i % 2 ? servers[1] : servers[0], '/auth/refresh', { refresh_token: token })
      refreshes++
      if (answer.status === 200) token = answer.token
      else return void refused.push(`${answer.status} ${answer.error}`)
    }
  }
  const tokens = await Promise.all(Array.from({ length: SESSIONS }, login))
  const sessions = Promise.allSettled(tokens.map(goOn))
  return {
    failOver: (kill: () => void) => {
      written = servers.map((server) => words(server).length)
      kill()
    },
    untilPostgresWasUsed: async () => {
      await expect.poll(() => wentThrough('Postgres'), { timeout: 20_000 }).toBe(true)
    },
    untilRedisIsUsed: async () => {
      await expect.poll(() => goesThrough('Redis'), { timeout: 20_000 }).toBe(true)
    },
    /** Waits until each session has refreshed again. */
    goesOn: async () => {
      const before = refreshes
      await expect.poll(() => refreshes, { timeout: 10_000 }).toBeGreaterThan(before + SESSIONS)
    },
    open: (count: number) => Promise.all(Array.from({ length: count }, login)),
    end: (token: string) => post(servers[1], '/auth/logout', { refresh_token: token }),
    /** Through either server. */
    expectDead: async (ended: string[]) => {
      for (const refresh_token of ended)
        for (const server of servers)
          expect((await post(server, '/auth/refresh', { refresh_token })).error).toBe('invalid_grant')
    },
    finish: async () => {
      load.isOver = true
      expect((await sessions).filter(({ status }) => status === 'rejected')).toEqual([])
      expect(refused).toEqual([])
    },
  }
}

type Load = Awaited<ReturnType<typeof underLoad>>

/** Sessions that end before, during and after the change of masters stay ended, and no other one does. */
async function expectNothingLost(load: Load, kill: () => void): Promise<void> {
  const [before, during, after] = [await load.open(2), await load.open(2), await load.open(2)]
  for (const token of before) expect((await load.end(token)).status).toBe(204)
  load.failOver(kill)
  for (const token of during) expect((await load.end(token)).status).toBe(204)
  await load.untilPostgresWasUsed()
  await load.goesOn()
  await load.untilRedisIsUsed()
  await load.goesOn()
  for (const token of after) expect((await load.end(token)).status).toBe(204)
  await load.expectDead([...before, ...during, ...after])
  await load.finish()
}

test('a master of a cluster is killed', { timeout: 90_000 }, async () => {
  const cluster: RedisCluster = await startRedisCluster({ dataDir: join(folder, 'cluster') })
  started.push(cluster)
  const load = await underLoad(cluster.url)
  await expectNothingLost(load, () => cluster.nodes[1]?.kill('SIGKILL'))
})

test('the master of a sentinel set is killed', { timeout: 90_000 }, async () => {
  const sentinel: Sentinel = await startSentinel({ dataDir: join(folder, 'sentinel') })
  started.push(sentinel)
  const load = await underLoad(sentinel.url)
  await expectNothingLost(load, () => sentinel.nodes[0]?.kill('SIGKILL'))
})
