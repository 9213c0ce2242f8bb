import { testStores } from '@heirloom/stack/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NO_MARKS } from '../../src/rules/family.ts'
import { Accounts } from '../../src/stores/accounts.ts'
import { type Database, openDatabase } from '../../src/stores/database.ts'
import { History } from '../../src/stores/history.ts'
import { LayeredFamilyStore } from '../../src/stores/layered-family-store.ts'
import { MarkWriter } from '../../src/stores/mark-writer.ts'
import { PostgresFamilyStore } from '../../src/stores/postgres-family-store.ts'
import { RedisConnection } from '../../src/stores/redis-connection.ts'
import { RedisTrust } from '../../src/stores/redis-trust.ts'
import { RedisFamilyStore } from '../../src/stores/redis-family-store.ts'
import { ORIGIN, aFamily, familyStoreContract } from './family-store.contract.ts'

let database: Database
let redis: RedisConnection
let raw: Redis
let userId: string
let record: PostgresFamilyStore
let hot: RedisFamilyStore
let marks: MarkWriter
let trust: RedisTrust
let layered: LayeredFamilyStore

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
  record = new PostgresFamilyStore(database)
  trust = new RedisTrust(database, redis, () => undefined)
  await trust.start()
  hot = new RedisFamilyStore(redis, () => trust.epoch)
  marks = new MarkWriter({
    write: (growths) => record.merge(growths),
    onChange: () => undefined,
  })
  const history = new History(database, redis, () => undefined)
  layered = new LayeredFamilyStore({ hot, record, marks, trust, history })
})

afterAll(async () => {
  await marks.close()
  await trust.stop()
  redis.close()
  raw.disconnect()
  await database.$disconnect()
})

familyStoreContract('Redis', () => ({ store: hot, userId }))
familyStoreContract('Postgres', () => ({ store: record, userId }))
familyStoreContract('Redis over Postgres', () => ({ store: layered, userId }))

describe('Redis', () => {
  test('remembers the revocation of a family that it does not know, and does not forget it when it is opened', async () => {
    const family = aFamily(userId)
    const revoked = { at: family.createdAt, reason: 'logout' as const }
    await hot.revoke([{ id: family.id, expiresAt: family.expiresAt, marks: { ...NO_MARKS, revoked } }])
    expect(await hot.load(family.id)).toBeNull()
    await hot.open(family)
    expect((await hot.load(family.id))?.family).toEqual({ ...family, revoked })
  })

  test('a family leaves with its absolute lifetime', async () => {
    const family = aFamily(userId)
    await hot.open(family)
    await hot.advance({ id: family.id, expiresAt: 0, marks: { ...NO_MARKS, redeemed: 1, redeemedAt: 1 } })
    expect(await raw.pexpiretime(`heirloom:family:{${family.id}}`)).toBe(family.expiresAt)
  })
})

describe('Redis over Postgres', () => {
  test('a family that Redis lost is merged back from Postgres', async () => {
    const family = aFamily(userId)
    await layered.open(family, ORIGIN)
    const growth = {
      id: family.id,
      expiresAt: family.expiresAt,
      marks: { ...NO_MARKS, redeemed: 3, redeemedAt: family.createdAt + 3 },
    }
    await layered.advance(growth)
    await marks.flush()
    await raw.flushall()
    expect((await layered.load(family.id))?.family.redeemed).toBe(3)
    await raw.flushall()
    expect(
      await layered.advance({ ...growth, marks: { ...NO_MARKS, redeemed: 4, redeemedAt: family.createdAt + 4 } }),
    ).toMatchObject({ redeemed: 3 })
  })

  test('a revocation is in both stores when it returns', async () => {
    const family = aFamily(userId)
    await layered.open(family, ORIGIN)
    const revoked = { at: family.createdAt, reason: 'logout' as const }
    await layered.revoke([{ id: family.id, expiresAt: family.expiresAt, marks: { ...NO_MARKS, revoked } }])
    expect((await hot.load(family.id))?.family.revoked).toEqual(revoked)
    expect((await record.load(family.id))?.family.revoked).toEqual(revoked)
  })
})
