import { beforeAll, describe, expect, test } from 'vitest'
import { admin } from '../support/admin.ts'
import { type TestServer, testServer } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

const SETTINGS = { LOG_LEVEL: 'info', REFRESH_GRACE_SECONDS: '0' }
let server: TestServer
let stores: ReturnType<typeof openStores>
/** Two servers on the same Postgres: one has a wrong password for Redis, the other has no REDIS_URL. */
let without: [TestServer, TestServer]

beforeAll(async () => {
  server = await testServer(SETTINGS)
  stores = openStores(server)
  const wrong = new URL(server.redisUrl)
  wrong.password = 'hunter2'
  without = [
    await testServer({ ...SETTINGS, ...server.env, REDIS_URL: wrong.href }),
    await testServer({ ...SETTINGS, ...server.env, REDIS_URL: '' }),
  ]
})

const shared = () =>
  stores.database.$queryRaw<{ epoch: bigint; is_suspended: boolean }[]>`
    SELECT epoch, suspended_until IS NOT NULL AS is_suspended FROM redis_trust`
const refresh = async (at: TestServer, refresh_token: string) =>
  (await at.call('POST', '/auth/refresh', { refresh_token })).body
const changes = () => server.service.output.filter((line) => line.includes('refreshes go through'))
const isInUse = () => changes().at(-1)?.includes('Redis"')

describe('a server that never reached Redis, and one without REDIS_URL', () => {
  test('the first one logs the cause and the cure once, and never the password', () => {
    const { output } = without[0].service
    const warnings = output.filter((line) => line.includes('"level":40'))
    expect(warnings).toEqual([expect.stringMatching(/Redis is not used.*refuses.*password.*REDIS_URL \(WRONGPASS\)/)])
    expect(output.join()).not.toContain('hunter2')
  })

  test('do not keep the others from Redis, nor does an admin command, while they write nothing', async () => {
    const before = await shared()
    await Promise.all(without.map((one) => one.login()))
    await admin({ ...server.env, REDIS_URL: '' }, 'user', 'list')
    expect(await shared()).toEqual(before)
    expect(isInUse()).toBe(true)
  })

  test('keep the others from Redis after a refresh, but only for a moment', async () => {
    for (const one of without) {
      const { tokens } = await server.login()
      const first = await refresh(server, tokens.refresh_token)
      const before = changes().length
      const second = await refresh(one, first.refresh_token)
      const third = await refresh(one, second.refresh_token)
      expect(third.refresh_token).toEqual(expect.any(String))
      // Redis may be in use again by now: what was written stays.
      await expect.poll(() => changes()[before], { timeout: 10_000 }).toMatch(/through Postgres/)
      // Its copy in Redis takes it for the newest.
      expect((await refresh(server, first.refresh_token)).error).toBe('invalid_grant')
      await expect.poll(isInUse, { timeout: 15_000 }).toBe(true)
    }
  })

  test('end sessions everywhere: once the others have polled, they hand out no token', async () => {
    for (const one of without) {
      const { tokens } = await server.login()
      const first = await refresh(server, tokens.refresh_token)
      const { epoch } = (await shared())[0] ?? { epoch: 0n }
      expect((await one.call('POST', '/auth/logout', { refresh_token: first.refresh_token })).status).toBe(204)
      expect((await shared())[0]).not.toEqual({ epoch, is_suspended: false })
      await expect
        .poll(async () => (await refresh(server, first.refresh_token)).error, { timeout: 5_000 })
        .toBe('invalid_grant')
      await expect.poll(isInUse, { timeout: 15_000 }).toBe(true)
      expect((await refresh(server, first.refresh_token)).error).toBe('invalid_grant')
    }
  })

  test('change accounts everywhere: an account that an admin command without Redis disables is refused', async () => {
    const { username, tokens } = await server.login()
    const first = await refresh(server, tokens.refresh_token)
    await admin({ ...server.env, REDIS_URL: '' }, 'user', 'disable', username)
    await expect
      .poll(async () => (await refresh(server, first.refresh_token)).error, { timeout: 5_000 })
      .toBe('invalid_grant')
  })
})
