import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { refreshTokens } from '@heirloom/auth-server/internals/rules/refresh-token'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Database, newDatabase } from '../src/database.ts'
import { seedSessions } from '../src/seed-sessions.ts'
import { newSecrets } from '../src/services.ts'
import { type Stores, startStores } from '../src/stores.ts'

let stores: Stores
let databases: Database[]
beforeAll(async () => {
  stores = await startStores({ dataDir: join(inject('runFolder'), `harness-${randomUUID()}`) })
  databases = await Promise.all(['one', 'other'].map((name) => newDatabase(stores.postgres.url, name)))
})
afterAll(() => stores.stop())

async function query(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql, values)).rows as Record<string, unknown>[]
  } finally {
    await client.end()
  }
}

test('databases that are prepared at the same time both work, with the rights of servers only', async () => {
  for (const { databaseUrl } of databases) {
    expect(await query(databaseUrl, 'SELECT count(*)::int AS n FROM families')).toEqual([{ n: 0 }])
    await expect(query(databaseUrl, 'CREATE TABLE mine (n int)')).rejects.toThrow('permission denied')
  }
})

test('a seeded session is a row that its refresh token names', async () => {
  const [database] = databases
  const { databaseUrl = '' } = database ?? {}
  await query(databaseUrl, `INSERT INTO users (username, username_key, password_hash) VALUES ('ann', 'ann', '')`)
  const { TOKEN_SECRETS: tokenSecret } = newSecrets()
  const sessions = await seedSessions({ databaseUrl, tokenSecret }, ['ann', 'ann', 'ann'])

  const rows = await query(databaseUrl, 'SELECT id, sid FROM families ORDER BY created_at')
  const tokens = refreshTokens([tokenSecret])
  expect(sessions.map(({ sessionId }) => sessionId)).toEqual(rows.map(({ sid }) => sid))
  expect(sessions.map(({ refreshToken }) => tokens.parse(refreshToken))).toEqual(
    rows.map(({ id }) => ({ family: (id as Buffer).toString('base64url'), generation: 1 })),
  )
})

test('a session of an unknown user is an error', async () => {
  const [database] = databases
  const target = { databaseUrl: database?.databaseUrl ?? '', tokenSecret: newSecrets().TOKEN_SECRETS }
  await expect(seedSessions(target, ['nobody'])).rejects.toThrow('do not exist')
})
