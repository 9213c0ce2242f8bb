import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Service, type Store, freePort, startPostgres, startRedis, startService } from '@heirloom/local-stack'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrate } from '../../../../prisma/migrate.ts'
import { Browser, answerOf, pkce } from '../support/browser.ts'
import { PASSWORD } from '../support/server.ts'

const REALM = `
resources:
  files: { name: Files, scopes: { read: Read files } }
roles: { user: [read] }
default_roles: [user]
clients:
  own:
    name: Our own
    first_party: true
    resources: [files]
    grants: [authorization_code, refresh_token]
    redirect_uris: ['https://own.example/callback']
`
const REDIRECT = 'https://own.example/callback'

const folder = mkdtempSync(join(tmpdir(), 'heirloom-codes-'))
const [postgresFolder, redisFolder] = [join(folder, 'postgres'), join(folder, 'redis')]
let [postgres, redis] = [] as unknown as [Store, Store]
let servers: [Service, Service]
let browser: Browser
const { verifier, challenge } = pkce()

const startOurRedis = async (port?: number) => {
  const started = await startRedis({
    dataDir: redisFolder,
    settings: { appendonly: 'no', save: '' },
    ...(port && { port }),
  })
  if (!started) throw new Error('there is no Redis')
  return started
}

beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startPostgres({ dataDir: postgresFolder }), startOurRedis()])
  await migrate(postgres.url)
  const realmFile = join(folder, 'realm.yaml')
  writeFileSync(realmFile, REALM)
  const port = String(await freePort())
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REALM_FILE: realmFile,
    ISSUER: `http://127.0.0.1:${port}`,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
  }
  servers = await Promise.all([
    startService({ script: 'apps/auth-server', env: { ...env, PORT: port } }),
    startService({ script: 'apps/auth-server', env }),
  ])
  await Promise.all(servers.map((server) => server.ready()))
  const fields = { username: 'ann', password: PASSWORD }
  await fetch(`${servers[0].url}/auth/register`, {
    method: 'POST',
    body: JSON.stringify(fields),
    headers: { 'content-type': 'application/json' },
  })
  browser = new Browser(servers[0].url)
  await browser.submit(await browser.get(ADDRESS), fields)
}, 90_000)

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await Promise.all([postgres.stop(), redis.stop()])
  rmSync(folder, { recursive: true, force: true })
})

const ADDRESS = `/oauth2/authorize?${new URLSearchParams({
  client_id: 'own',
  redirect_uri: REDIRECT,
  response_type: 'code',
  code_challenge: challenge,
  code_challenge_method: 'S256',
}).toString()}`

async function newCode(): Promise<string> {
  const { code = '' } = answerOf(await browser.get(ADDRESS)).parameters
  expect(code).toMatch(/^hac_/)
  return code
}

async function post(server: Service, form: Record<string, string>) {
  const body = new URLSearchParams({ client_id: 'own', ...form })
  const response = await fetch(`${server.url}/oauth2/token`, { method: 'POST', body })
  const { refresh_token: token, error } = (await response.json()) as { refresh_token?: string; error?: string }
  return { status: response.status, token: token ?? '', error }
}
const redeem = (server: Service, code: string) =>
  post(server, { grant_type: 'authorization_code', code, code_verifier: verifier })
const refresh = (server: Service, token: string) => post(server, { grant_type: 'refresh_token', refresh_token: token })

/** Presents a code at each server until it is decided. A fault never ends it: it is a 503. */
async function presentEverywhere(code: string) {
  const successes = []
  for (const server of servers) {
    let answer = await redeem(server, code)
    await expect
      .poll(
        async () => {
          if (answer.status === 503) answer = await redeem(server, code)
          return answer.status
        },
        { timeout: 20_000, interval: 100 },
      )
      .not.toBe(503)
    expect([200, 400]).toContain(answer.status)
    if (answer.status === 200) successes.push(answer)
  }
  return successes
}

async function loseRedis() {
  redis.kill('SIGKILL')
  await redis.exited
}

/** An empty one, which both servers use again. */
async function restoreRedis() {
  redis = await startOurRedis(redis.port)
  const last = (server: Service) => server.output.findLast((line) => line.includes('refreshes go through'))
  await expect
    .poll(() => servers.every((server) => last(server)?.includes('through Redis')), { timeout: 20_000 })
    .toBe(true)
}

describe('a code gives tokens at most once', { timeout: 60_000 }, () => {
  test('when two servers get it at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const code = await newCode()
      const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((i) => redeem(servers[i as 0 | 1], code)))
      expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
      expect(await presentEverywhere(code)).toEqual([])
    }
  })

  test('when Redis is lost between authorize and token', async () => {
    const code = await newCode()
    await loseRedis()
    expect(await presentEverywhere(code)).toHaveLength(1)
    await restoreRedis()
    expect(await presentEverywhere(code)).toEqual([])
  })

  test('when Redis is lost the moment after, with all that it had not told Postgres', async () => {
    for (let round = 0; round < 3; round++) {
      const code = await newCode()
      const { status } = await redeem(servers[0], code)
      await loseRedis()
      const more = await presentEverywhere(code)
      expect([status, more]).toEqual([200, []])
      await restoreRedis()
      expect(await presentEverywhere(code)).toEqual([])
    }
  })

  test('when Redis is lost in the middle', async () => {
    for (let round = 0; round < 3; round++) {
      const code = await newCode()
      const presented = [0, 1, 0, 1].map((i) => redeem(servers[i as 0 | 1], code))
      await loseRedis()
      const answers = await Promise.all(presented)
      const more = await presentEverywhere(code)
      expect([...answers.filter(({ status }) => status === 200), ...more].length).toBeLessThanOrEqual(1)
      await restoreRedis()
      expect(await presentEverywhere(code)).toEqual([])
    }
  })

  test('when Postgres is away, and its session ends as soon as it is back', async () => {
    const code = await newCode()
    const { port } = postgres
    await postgres.stop()
    const { status, token } = await redeem(servers[0], code)
    // It is Redis that decides now, or nobody.
    expect([200, 503]).toContain(status)
    const second = await redeem(servers[1], code)
    expect(second.status === 200 && status === 200).toBe(false)
    postgres = await startPostgres({ dataDir: postgresFolder, port })
    const more = await presentEverywhere(code)
    expect(
      [status, second.status, ...more.map((one) => one.status)].filter((one) => one === 200).length,
    ).toBeLessThanOrEqual(1)
    expect(await presentEverywhere(code)).toEqual([])
    if (token !== '') expect(await refresh(servers[1], token)).toMatchObject({ status: 400, error: 'invalid_grant' })
  })
})
