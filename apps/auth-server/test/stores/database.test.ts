import { randomUUID } from 'node:crypto'
import { testStores } from '@heirloom/stack/testing'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/stores/database.ts'

test('a connection keeps what it has parsed, and none of the texts that a long list has', async () => {
  const { databaseUrl } = await testStores()
  const database = openDatabase({ url: databaseUrl, poolSize: 1, statementTimeoutMs: 1_000 })
  try {
    for (const id of [Buffer.from('a'), Buffer.from('b')])
      await database.$queryRaw`SELECT redeemed FROM families WHERE id = ANY (${[id]})`
    for (const length of [9, 10])
      await database.user.findMany({ where: { id: { in: Array.from({ length }, () => randomUUID()) } } })
    const kept = await database.$queryRaw<{ statement: string; plans: number }[]>`
      SELECT statement, (generic_plans + custom_plans)::int AS plans FROM pg_prepared_statements`
    expect(kept.filter(({ statement }) => !statement.includes('pg_prepared_statements'))).toEqual([
      { statement: 'SELECT redeemed FROM families WHERE id = ANY ($1)', plans: 2 },
    ])
  } finally {
    await database.$disconnect()
  }
})
