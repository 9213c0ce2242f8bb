import { randomUUID } from 'node:crypto'
import { testStores } from '@heirloom/local-stack/testing'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../../src/postgres/database.ts'

test('a connection keeps the statements that it has parsed, but none with a long list', async () => {
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

test('two servers give a statement the same name, whatever each ran before', async () => {
  const { databaseUrl } = await testStores()
  const namesAfter = async (...order: number[]) => {
    const database = openDatabase({ url: databaseUrl, poolSize: 1, statementTimeoutMs: 1_000 })
    onTestFinished(() => database.$disconnect())
    for (const column of order) await database.$queryRawUnsafe(`SELECT ${column}`)
    return database.$queryRaw<{ name: string; statement: string }[]>`
      SELECT name, statement FROM pg_prepared_statements ORDER BY statement`
  }
  const names = await namesAfter(1, 2)
  expect(names).toHaveLength(3)
  expect(await namesAfter(2, 1)).toEqual(names)
})

test('a session has the limits that the server sets, not those of the database', async () => {
  const { databaseUrl, superuserUrl } = await testStores()
  const open = (url: string) => openDatabase({ url, poolSize: 1, statementTimeoutMs: 1_234 })
  const inherited = {
    default_transaction_isolation: 'serializable',
    statement_timeout: '10s',
    lock_timeout: '20ms',
    transaction_timeout: '9s',
    idle_session_timeout: '8s',
    idle_in_transaction_session_timeout: '7s',
  }
  const before = open(superuserUrl)
  for (const [name, value] of Object.entries(inherited))
    await before.$executeRawUnsafe(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ${name} = ''${value}''', current_database()); END $$`,
    )
  await before.$disconnect()
  const database = open(databaseUrl)
  onTestFinished(() => database.$disconnect())
  const rows = await database.$queryRaw<{ name: string; setting: string; reset_val: string }[]>`
    SELECT name, setting, reset_val FROM pg_settings WHERE name = ANY (${Object.keys(inherited)}) ORDER BY name`
  expect(rows).toEqual([
    { name: 'default_transaction_isolation', setting: 'read committed', reset_val: 'serializable' },
    { name: 'idle_in_transaction_session_timeout', setting: '0', reset_val: '7000' },
    { name: 'idle_session_timeout', setting: '0', reset_val: '8000' },
    { name: 'lock_timeout', setting: '0', reset_val: '20' },
    { name: 'statement_timeout', setting: '1234', reset_val: '10000' },
    { name: 'transaction_timeout', setting: '0', reset_val: '9000' },
  ])
})
