import { join } from 'node:path'
import { type RedisCluster as Started, startRedisCluster } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import slotOf from 'cluster-key-slot'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { AttemptThrottle } from '../../src/credentials/attempt-throttle.ts'
import { EMPTY_STATE } from '../../src/rules/family.ts'
import { openDatabase } from '../../src/postgres/database.ts'
import { RollbackDetector } from '../../src/replication/rollback-detector.ts'
import { RedisCluster } from '../../src/redis/redis-cluster.ts'
import { RedisFamilyStore } from '../../src/stores/redis-family-store.ts'
import { RedisRevocations } from '../../src/stores/redis-revocations.ts'
import { aFamily, familyStoreContract } from '../stores/family-store.contract.ts'

const USER = '00000000-0000-4000-8000-000000000000'

let started: Started
let cluster: RedisCluster
let cache: RedisFamilyStore
let throttle: AttemptThrottle
let rollback: RollbackDetector
let clients: Redis[] = []
let losses = 0
const stop: (() => Promise<void>)[] = []

beforeAll(async () => {
  started = await startRedisCluster({ dataDir: join(inject('runFolder'), 'redis-cluster') })
  clients = started.nodes.map(({ url }) => new Redis(url))
  cluster = new RedisCluster(started.url)
  cache = new RedisFamilyStore(cluster, () => 1)
  throttle = new AttemptThrottle({ perAccount: 2, perAddress: 1_000, windowSeconds: 60 }, cluster)
  const { databaseUrl } = await testStores()
  const database = openDatabase({ url: databaseUrl, poolSize: 1, statementTimeoutMs: 5_000 })
  stop.push(() => database.$disconnect())
  rollback = new RollbackDetector(database, cluster, () => undefined)
  await cluster.ready(5_000)
  cluster.onLost(() => losses++)
})

afterAll(async () => {
  cluster.close()
  for (const client of clients) client.disconnect()
  await Promise.all(stop.map((one) => one()))
  await started.stop()
})

familyStoreContract('Redis Cluster', () => ({ store: cache, userId: USER }))

const node = (index: number) => clients[index] as Redis
const command = (index: number, ...args: (string | number)[]) => node(index).call('CLUSTER', args)

test('a key is in the slot that Redis says', async () => {
  for (const key of ['a', '{a}b', 'x{}y', 'foo{bar}{zap}', 'foo{{bar}}zap', 'a}b{c', 'ü{é}'])
    expect([key, slotOf(key)]).toEqual([key, await command(0, 'KEYSLOT', key)])
})

test('families are on all masters', async () => {
  await Promise.all(Array.from({ length: 50 }, () => cache.open(aFamily(USER))))
  const sizes = await Promise.all([0, 1, 2].map((index) => node(index).dbsize()))
  expect(Math.min(...sizes)).toBeGreaterThan(3)
})

test('a restore finds the families of all masters, and the position of Postgres', async () => {
  const family = aFamily(USER)
  await cache.open(family)
  const found: string[] = []
  for await (const ids of cache.ids()) found.push(...ids)
  const sizes = await Promise.all([0, 1, 2].map((index) => node(index).keys('heirloom:family:*')))
  expect(found.toSorted()).toEqual(
    sizes
      .flat()
      .map((key) => key.slice('heirloom:family:{'.length, -1))
      .toSorted(),
  )
  expect(found).toContain(family.id)

  await rollback.poll()
  rollback.countLater()
  await rollback.poll()
  expect(await rollback.remembered()).toMatchObject({ newest: 1 })
})

test('a restore defines its scripts when the connections are there', async () => {
  const patient = new RedisCluster(started.url)
  await patient.ready(5_000)
  const family = aFamily(USER)
  await cache.open(family)
  expect((await new RedisFamilyStore(patient, () => 1).load(family.id))?.family.sid).toBe(family.sid)
  patient.close()
})

test('revoked sessions are listed, whatever slots their families are in', async () => {
  const log = new RedisRevocations(cluster)
  const families = Array.from({ length: 30 }, () => aFamily(USER))
  const state = { ...EMPTY_STATE, revoked: { at: 1, reason: 'logout' as const } }
  await cache.revoke(families.map(({ id, expiresAt }, i) => ({ id, expiresAt, statusIndex: 1_000 + i, state })))
  const { entries } = await log.read(60_000, 0, 1_000)
  const indexes = entries.flatMap(([statusIndexes]) => statusIndexes)
  expect(indexes).toEqual(expect.arrayContaining(families.map((_, i) => 1_000 + i)))
})

test('attempts are counted in the cluster', async () => {
  const attempts = ['a', 'a', 'a', 'b'].map((account) => throttle.attempt({ kind: 'login', id: account }, '127.0.0.1'))
  expect((await Promise.all(attempts)).filter(({ waitSeconds }) => waitSeconds === null)).toHaveLength(3)
})

test('a slot that moves to another known master is followed, key by key and for good', async () => {
  const family = aFamily(USER)
  const slot = slotOf(`heirloom:family:{${family.id}}`)
  const from = Math.min(2, Math.floor((slot * 3) / 16_384))
  const to = (from + 1) % 3
  await cache.open(family)
  const before = [losses, await cluster.probe()]
  const [fromId, toId] = [await command(from, 'MYID'), await command(to, 'MYID')].map(String)
  await command(to, 'SETSLOT', slot, 'IMPORTING', fromId ?? '')
  await command(from, 'SETSLOT', slot, 'MIGRATING', toId ?? '')
  const { port, url } = started.nodes[to] ?? { port: 0, url: '' }
  const password = new URL(url).password
  const keys = (await command(from, 'GETKEYSINSLOT', slot, 100)) as string[]
  await node(from).call('MIGRATE', '127.0.0.1', port, '', 0, 5_000, 'AUTH', password, 'KEYS', ...keys)
  // The old owner answers ASK.
  expect((await cache.load(family.id))?.family.sid).toBe(family.sid)
  for (const index of [to, from, 3 - to - from]) await command(index, 'SETSLOT', slot, 'NODE', toId ?? '')
  // It answers MOVED.
  const update = { id: family.id, expiresAt: family.expiresAt, state: { ...EMPTY_STATE, redeemed: 1, redeemedAt: 1 } }
  expect(await cache.advance(update)).toMatchObject({ redeemed: 0 })
  expect((await cache.load(family.id))?.family.redeemed).toBe(1)
  // Nothing was lost, so nothing has to be merged anew.
  expect([losses, await cluster.probe()]).toEqual(before)
})

test('a replica that takes over is not asked before onLost was called', async () => {
  const before = await cluster.probe()
  const families = Array.from({ length: 30 }, () => aFamily(USER))
  await Promise.all(families.map((family) => cache.open(family)))
  const promoted = 4
  await command(promoted, 'FAILOVER', 'TAKEOVER')
  await expect.poll(() => node(1).info('replication')).toContain('role:slave')

  // The old master names the new one, which is not asked.
  const answers = await Promise.allSettled(families.map(({ id }) => cache.load(id)))
  const refused = answers.filter((answer) => answer.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  expect(String(refused[0]?.reason.cause)).toContain('MOVED')
  expect(losses).toBe(0)

  await expect.poll(() => cluster.probe().catch(() => before), { timeout: 10_000 }).not.toBe(before)
  expect(losses).toBe(1)
  for (const { id, sid } of families) expect((await cache.load(id))?.family.sid).toBe(sid)
})

test('if one master takes no writes, the cluster takes none', async () => {
  await node(2).config('SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction')
  await expect(cluster.probe()).rejects.toThrow('OOM')
  await node(2).config('SET', 'maxmemory', '0')
  await expect(cluster.probe()).resolves.toBeDefined()
})

test('nodes in the URL that no longer exist do no harm', async () => {
  const { redis } = await testStores()
  const other = new RedisCluster(started.url.replace('@', `@127.0.0.1:1,127.0.0.1:${redis.port},`))
  await other.ready(5_000)
  expect(await other.probe()).toBe(await cluster.probe())
  other.close()
})
