import { startService } from '@heirloom/local-stack'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DELIVERIES } from './support/by-cookie.ts'
import { PASSWORD, type TestServer, testServer } from './support/server.ts'

let server: TestServer
let owner: pg.Client
const lines = (pattern: RegExp) => server.service.output.filter((line) => pattern.test(line))

beforeAll(async () => {
  server = await testServer({ REDIS_URL: '', LOG_LEVEL: 'info' })
  owner = new pg.Client({ connectionString: server.superuserUrl })
  await owner.connect()
})
afterAll(() => owner.end())

const readiness = async () => {
  const response = await fetch(`${server.service.url}/readyz`)
  return `${response.status} ${await response.text()}`
}

describe('at run time', () => {
  test('an incomplete schema is 500, never invalid_grant; the log names the code once, and no value', async () => {
    const { username, tokens } = await server.login()
    await owner.query('ALTER TABLE families RENAME COLUMN redeemed TO gone')
    try {
      const bodies = Array.from({ length: 20 }, () => ({ refresh_token: tokens.refresh_token }))
      const answers = await Promise.all(bodies.map((body) => server.call('POST', '/auth/refresh', body)))
      answers.push(await server.call('POST', '/auth/login', { username, password: PASSWORD }))
      expect(answers.map(({ status, body }) => `${status} ${body.error}`)).toEqual(
        answers.map(() => '500 server_error'),
      )
      expect(answers.some(({ headers }) => headers.has('retry-after'))).toBe(false)
    } finally {
      await owner.query('ALTER TABLE families RENAME COLUMN gone TO redeemed')
    }
    // Postgres words the same error in a few ways: one line each.
    expect(lines(/42703/).length).toBeGreaterThan(0)
    expect(lines(/42703/).length).toBeLessThan(5)
    expect(lines(/42703/)[0]).toContain('npm run migrate')
    expect(lines(/"status":500/).length).toBeLessThan(5)
    expect(server.service.output.join()).not.toContain(tokens.refresh_token)
    expect((await server.call('POST', '/auth/refresh', { refresh_token: tokens.refresh_token })).status).toBe(200)
  })

  test.each(DELIVERIES)(
    'a server with a read-only Postgres and no Redis is not ready, and says why; a refresh %s is 503',
    async (_where, reach) => {
      const { tokens } = await reach(server).login()
      const refresh = () => reach(server).call('POST', '/auth/refresh', { refresh_token: tokens.refresh_token })
      const name = pg.escapeIdentifier(new URL(server.env['DATABASE_URL'] ?? '').pathname.slice(1))
      await owner.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
      await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()`)
      try {
        await expect.poll(readiness, { timeout: 10_000 }).toMatch(/^503 .*read-only.*25006/)
        const { status, body, headers } = await refresh()
        expect([status, body.error, headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '1'])
        // The page keeps its cookie.
        expect(headers.getSetCookie()).toEqual([])
        await expect.poll(() => lines(/primary.*25006/).length).toBeGreaterThan(0)
      } finally {
        await owner.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
        await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE datname = current_database() AND pid <> pg_backend_pid()`)
      }
      await expect.poll(readiness, { timeout: 10_000 }).toMatch(/^200/)
      expect((await refresh()).status).toBe(200)
    },
  )

  test('a schema that was never migrated, or lacks privileges, is not ready either', async () => {
    await owner.query('ALTER TABLE history RENAME TO gone')
    try {
      await expect.poll(readiness, { timeout: 10_000 }).toMatch(/^503 .*npm run migrate.*42P01/)
    } finally {
      await owner.query('ALTER TABLE gone RENAME TO history')
    }
    await expect.poll(readiness, { timeout: 10_000 }).toMatch(/^200/)
  })
})

describe('at the start', () => {
  test.each(['apps/auth-server', 'prisma/migrate.ts'])('%s ends with one line and 1', async (script) => {
    const url = new URL(server.env['DATABASE_URL'] ?? '')
    url.password = 'hunter2'
    const service = await startService({ script, env: { ...server.env, DATABASE_URL: url.href } })
    expect(await service.exited).toEqual({ code: 1, signal: null })
    expect(service.output).toEqual([
      expect.stringMatching(/^(auth-server|migrate): Postgres refuses the password: .*DATABASE_URL \(28P01\)$/),
    ])
  })
})
