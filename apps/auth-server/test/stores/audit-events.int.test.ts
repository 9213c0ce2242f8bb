import { setImmediate as underWay } from 'node:timers/promises'
import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/postgres/database.ts'
import { AuditEvents } from '../../src/stores/audit-events.ts'

const { databaseUrl } = await testStores()
const open = (statementTimeoutMs: number) => openDatabase({ url: databaseUrl, poolSize: 2, statementTimeoutMs })
const [database, reader] = [open(300), open(20_000)]
afterAll(() => Promise.all([database.$disconnect(), reader.$disconnect()]))

const rows = async (type: string) =>
  (await reader.securityEvent.findMany({ where: { type }, orderBy: { id: 'asc' } })).map(({ times, detail }) => [
    Number(times),
    detail,
  ])
const event = (type: string, reason: string, repeatKey?: string) => ({
  at: Date.now(),
  type,
  detail: { reason },
  times: 1,
  ...(repeatKey !== undefined && { repeatKey }),
})

test('servers that see the same event repeatedly share one row, which keeps the first', async () => {
  const servers = [new AuditEvents(database), new AuditEvents(database)]
  servers[0]?.add(event('shared', 'first', 'shared a'))
  await servers[0]?.flush()
  for (const server of servers) {
    for (let i = 0; i < 500; i++) server.add(event('shared', 'repeated', 'shared a'))
    server.add(event('shared', 'other', 'shared b'))
    expect(server.waiting).toBe(2)
  }
  await Promise.all(servers.map((server) => server.flush()))
  expect(await rows('shared')).toEqual([
    [1_001, { reason: 'first' }],
    [2, { reason: 'other' }],
  ])
})

test('an event without a repeat key gets a row each time', async () => {
  const events = new AuditEvents(database)
  for (const reason of ['one', 'two']) events.add(event('single', reason))
  await events.flush()
  expect(await rows('single')).toEqual([
    [1, { reason: 'one' }],
    [1, { reason: 'two' }],
  ])
})

test('while Postgres takes no events, a flood is one entry, and none is counted twice or lost', async () => {
  const events = new AuditEvents(database)
  const flood = () => {
    for (let i = 0; i < 5_000; i++) events.add(event('waiting', 'flood', 'waiting a'))
  }
  await reader.$transaction(
    async (transaction) => {
      await transaction.$executeRaw`LOCK TABLE security_events IN ACCESS EXCLUSIVE MODE`
      flood()
      const failing = events.flush()
      await underWay()
      flood()
      await failing
      expect(events.waiting).toBe(1)
    },
    { timeout: 20_000 },
  )
  const succeeding = events.flush()
  await underWay()
  flood()
  await succeeding
  await events.flush()
  expect(events.waiting).toBe(0)
  expect(await rows('waiting')).toEqual([[15_000, { reason: 'flood' }]])
})
