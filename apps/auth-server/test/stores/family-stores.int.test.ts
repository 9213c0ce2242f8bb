import { testStores } from '@heirloom/local-stack/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EMPTY_STATE, type Family, UNREDEEMED_KEPT_MS } from '../../src/rules/family.ts'
import { Accounts } from '../../src/stores/accounts.ts'
import { type Database, openDatabase } from '../../src/postgres/database.ts'
import { RollbackDetector } from '../../src/replication/rollback-detector.ts'
import { LayeredFamilyStore } from '../../src/replication/layered-family-store.ts'
import { WriteBehind } from '../../src/replication/write-behind.ts'
import { PostgresFamilyStore } from '../../src/stores/postgres-family-store.ts'
import { RedisConnection } from '../../src/redis/redis-connection.ts'
import { RedisFence } from '../../src/replication/redis-fence.ts'
import { RedisFamilyStore } from '../../src/stores/redis-family-store.ts'
import { ORIGIN, aFamily, byCode, familyStoreContract, redeemOnceContract } from './family-store.contract.ts'

let database: Database
let redis: RedisConnection
let raw: Redis
let userId: string
let durable: PostgresFamilyStore
let cache: RedisFamilyStore
let writeBehind: WriteBehind
let fence: RedisFence
let layered: LayeredFamilyStore
/** That of a server which does not see Redis. */
let blind: LayeredFamilyStore

beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  database = openDatabase({ url: databaseUrl, poolSize: 5, statementTimeoutMs: 5_000 })
  redis = new RedisConnection(redisUrl)
  raw = new Redis(redisUrl)
  await redis.ready(5_000)
  const user = await new Accounts(database, null).add({
    username: 'a',
    usernameKey: 'a',
    passwordHash: '-',
    roles: ['user'],
  })
  userId = user?.id ?? ''
  durable = new PostgresFamilyStore(database)
  fence = new RedisFence(database, redis, () => undefined)
  await fence.start()
  cache = new RedisFamilyStore(redis, () => fence.epoch)
  writeBehind = new WriteBehind({
    write: (updates) => durable.merge(updates),
    onChange: () => undefined,
  })
  const rollback = new RollbackDetector(database, redis, () => undefined)
  layered = new LayeredFamilyStore({ cache, durable, writeBehind, fence, rollback })
  blind = new LayeredFamilyStore({ cache: null, durable, writeBehind, fence, rollback })
})

afterAll(async () => {
  await writeBehind.close()
  await fence.stop()
  redis.close()
  raw.disconnect()
  await database.$disconnect()
})

familyStoreContract('Redis', () => ({ store: cache, userId }))
familyStoreContract('Postgres', () => ({ store: durable, userId }))
familyStoreContract('Redis over Postgres', () => ({ store: layered, userId }))
redeemOnceContract('Postgres', () => ({ store: durable, userId }))
redeemOnceContract('Redis over Postgres', () => ({ store: layered, userId }))

describe('Redis', () => {
  test('remembers the revocation of a family that it does not know, even after the family is opened', async () => {
    const family = aFamily(userId)
    const revoked = { at: family.createdAt, reason: 'logout' as const }
    await cache.revoke([
      {
        id: family.id,
        expiresAt: family.expiresAt,
        statusIndex: family.statusIndex,
        state: { ...EMPTY_STATE, revoked },
      },
    ])
    expect(await cache.load(family.id)).toBeNull()
    await cache.open(family)
    expect((await cache.load(family.id))?.family).toEqual({ ...family, revoked })
  })

  test('a family expires with its absolute lifetime', async () => {
    const family = aFamily(userId)
    await cache.open(family)
    await cache.advance({ id: family.id, expiresAt: 0, state: { ...EMPTY_STATE, redeemed: 1, redeemedAt: 1 } })
    expect(await raw.pexpiretime(`heirloom:family:{${family.id}}`)).toBe(family.expiresAt)
  })

  test('a code that nobody redeems expires soon, and its session with its absolute lifetime', async () => {
    const family = aFamily(userId, {}, byCode())
    const { id, expiresAt, createdAt } = family
    await cache.open(family)
    expect(await raw.pexpiretime(`heirloom:family:{${id}}`)).toBe(createdAt + UNREDEEMED_KEPT_MS)
    for (const redeemed of [1, 2]) {
      await cache.advance({ id, expiresAt: 0, state: { ...EMPTY_STATE, redeemed, redeemedAt: createdAt } })
      expect(await raw.pexpiretime(`heirloom:family:{${id}}`)).toBe(expiresAt)
    }
  })
})

test('no index has what refreshes and revocations change: each would be written into all indexes', async () => {
  const found = await database.$queryRaw`
    SELECT indexdef FROM pg_indexes WHERE tablename = 'families' AND indexdef ~ 'redeemed|late_repeated|revoked'`
  expect(found).toEqual([])
})

describe('Redis over Postgres', () => {
  test('a family that Redis lost is merged back from Postgres', async () => {
    const family = aFamily(userId)
    await layered.open(family, ORIGIN)
    const update = {
      id: family.id,
      expiresAt: family.expiresAt,
      state: { ...EMPTY_STATE, redeemed: 3, redeemedAt: family.createdAt + 3 },
    }
    await layered.advance(update)
    await writeBehind.flush()
    await raw.flushall()
    expect((await layered.load(family.id))?.family.redeemed).toBe(3)
    await raw.flushall()
    expect(
      await layered.advance({ ...update, state: { ...EMPTY_STATE, redeemed: 4, redeemedAt: family.createdAt + 4 } }),
    ).toMatchObject({ redeemed: 3 })
  })

  // Without the resources, a session would have more than it was granted.
  test.each(['client', 'resources'])(
    'a copy without %s, as an older version makes it, is completed from Postgres',
    async (field) => {
      const family = aFamily(userId)
      await layered.open(family, ORIGIN)
      await raw.hdel(`heirloom:family:{${family.id}}`, field)
      expect(await cache.load(family.id)).toBeNull()
      expect((await layered.load(family.id))?.family).toEqual(family)
      expect((await cache.load(family.id))?.family).toEqual(family)
    },
  )

  test('a revocation is in both stores when it returns', async () => {
    const family = aFamily(userId)
    await layered.open(family, ORIGIN)
    const revoked = { at: family.createdAt, reason: 'logout' as const }
    await layered.revoke([
      {
        id: family.id,
        expiresAt: family.expiresAt,
        statusIndex: family.statusIndex,
        state: { ...EMPTY_STATE, revoked },
      },
    ])
    expect((await cache.load(family.id))?.family.revoked).toEqual(revoked)
    expect((await durable.load(family.id))?.family.revoked).toEqual(revoked)
  })

  const redemption = ({ id, expiresAt, createdAt }: Family) => ({
    id,
    expiresAt,
    state: { ...EMPTY_STATE, redeemed: 1, redeemedAt: createdAt + 1 },
  })

  test('a code that was redeemed a moment before Redis lost everything is not redeemed again', async () => {
    const family = aFamily(userId, {}, byCode())
    await layered.open(family, ORIGIN)
    expect(await layered.advanceOnce(redemption(family))).toMatchObject({ redeemed: 0 })
    await raw.flushall()
    expect(await layered.advanceOnce(redemption(family))).toMatchObject({ redeemed: 1 })
  })

  test('of a server that sees Redis and one that does not, at most one redeems a code', async () => {
    for (let round = 0; round < 20; round++) {
      const family = aFamily(userId, {}, byCode())
      await layered.open(family, ORIGIN)
      const seen = await Promise.all([layered, blind].map((store) => store.advanceOnce(redemption(family))))
      expect(seen.filter((state) => state?.redeemed === 0).length).toBeLessThanOrEqual(1)
    }
  })
})
