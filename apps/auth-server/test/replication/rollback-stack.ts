import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXAMPLE_REALM, type Service, type Store, startPostgres, startRedis, startService } from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import { migrate } from '../../../../prisma/migrate.ts'
import { admin as adminWith } from '../support/admin.ts'
import { PASSWORD } from '../support/server.ts'

// One server on a Postgres and a Redis that tests stop, copy and replace. Each test file that imports this has its own.

export const folder = mkdtempSync(join(tmpdir(), 'heirloom-older-'))
export const dataDir = join(folder, 'postgres')
export const PATIENCE = { timeout: 40_000 }
export let postgres: Store
let redis: Store
export let server: Service
export let env: Record<string, string>

export const start = () => startService({ script: 'apps/auth-server', env })

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
    REALM_FILE: EXAMPLE_REALM,
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

export async function post(path: string, body: object, at = server, headers: Record<string, string> = {}) {
  const response = await fetch(at.url + path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
  const answer = await response.text()
  const { refresh_token: token = '', access_token: access = '', error = null } = answer === '' ? {} : JSON.parse(answer)
  return { status: response.status, retryAfter: response.headers.get('retry-after'), token, access, error }
}

export const refresh = (token: string, at = server) => post('/auth/refresh', { refresh_token: token }, at)
const logout = (token: string) => post('/auth/logout', { refresh_token: token })
/** Works right after a start of Postgres, too. */
export const untilLogin = async (username = 'ann') => {
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
export const untilLogout = async (token: string) => {
  await expect.poll(async () => (await logout(token)).status, PATIENCE).toBe(204)
}
export const readiness = async (at = server) => {
  const response = await fetch(`${at.url}/readyz`)
  return [response.status, await response.text()].join(' ')
}
export const untilReady = async (at = server) => {
  await expect.poll(() => readiness(at), PATIENCE).toMatch(/^200/)
}
export const untilNoticed = async (at = server) => {
  await expect.poll(() => readiness(at), PATIENCE).toMatch(/^503 .*npm run admin -- restore/)
}

export const admin = (...args: string[]) => adminWith(env, ...args)

export async function ask(store: Store, sql: string) {
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

/** Removes the copy of a session from Redis. */
export async function evict(token: string): Promise<void> {
  const client = new Redis(redis.url)
  await client.del(familyKey(token))
  client.disconnect()
}

/** On the same port and the same files. */
export async function startPostgresAgain(): Promise<void> {
  postgres = await startPostgres({ dataDir, port: postgres.port })
}

export async function whilePostgresIsStopped(work: () => void): Promise<void> {
  await postgres.stop()
  work()
  await startPostgresAgain()
}

/** Of a Postgres that is not running. */
export const copy = (from: string, to: string) => {
  rmSync(to, { recursive: true, force: true })
  execFileSync('cp', ['-a', from, to])
}

export const expectNothingDecided = async (tokens: string[], at: Service) => {
  for (const token of tokens)
    expect(await refresh(token, at)).toMatchObject({
      status: 503,
      error: 'temporarily_unavailable',
      retryAfter: '30',
      token: '',
    })
}
export const expectDead = async (tokens: string[], at: Service) => {
  for (const token of tokens) expect(await refresh(token, at)).toMatchObject({ status: 400, error: 'invalid_grant' })
}
export const expectLive = async (tokens: string[], at: Service) => {
  for (const token of tokens) expect(await refresh(token, at)).toMatchObject({ status: 200 })
}
