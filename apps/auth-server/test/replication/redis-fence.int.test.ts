import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Family, EMPTY_STATE } from '../../src/rules/family.ts'
import { Accounts } from '../../src/stores/accounts.ts'
import { openDatabase } from '../../src/postgres/database.ts'
import { RollbackDetector } from '../../src/replication/rollback-detector.ts'
import { LayeredFamilyStore } from '../../src/replication/layered-family-store.ts'
import { WriteBehind } from '../../src/replication/write-behind.ts'
import { PostgresFamilyStore } from '../../src/stores/postgres-family-store.ts'
import { RedisConnection } from '../../src/redis/redis-connection.ts'
import { RedisFamilyStore } from '../../src/stores/redis-family-store.ts'
import { RedisFence } from '../../src/replication/redis-fence.ts'
import { ORIGIN, aFamily } from '../stores/family-store.contract.ts'

const { databaseUrl, superuserUrl, redisUrl } = await testStores()
const database = openDatabase({ url: databaseUrl, poolSize: 5, statementTimeoutMs: 5_000 })
const durable = new PostgresFamilyStore(database)
const writeBehind = new WriteBehind({ write: (updates) => durable.merge(updates), onChange: () => undefined })
const superuser = openDatabase({ url: superuserUrl, poolSize: 1, statementTimeoutMs: 5_000 })
const user = await new Accounts(database, null).add({ username: 'a', usernameKey: 'a', passwordHash: '-', roles: [] })
const opened: { redis: RedisConnection; fence: RedisFence }[] = []

/** One server's view of the stores. It polls only when the test says so. */
async function aServer() {
  const redis = new RedisConnection(redisUrl)
  redis.client.on('error', () => undefined)
  await redis.ready(5_000)
  const fence = new RedisFence(database, redis, () => undefined)
  const rollback = new RollbackDetector(database, redis, () => undefined)
  opened.push({ redis, fence })
  const cache = new RedisFamilyStore(redis, () => fence.epoch)
  return {
    redis,
    fence,
    cache,
    store: new LayeredFamilyStore({ cache, durable, writeBehind, fence, rollback }),
  }
}

const tombstone = ({ id, expiresAt, createdAt, statusIndex }: Family) => ({
  id,
  expiresAt,
  statusIndex,
  state: { ...EMPTY_STATE, revoked: { at: createdAt, reason: 'logout' as const } },
})
const endSuspension = () =>
  database.$executeRaw`UPDATE redis_trust SET suspended_until = clock_timestamp() - interval '1 second' WHERE suspended_until IS NOT NULL`

beforeEach(endSuspension)
afterAll(async () => {
  await writeBehind.close()
  for (const { redis, fence } of opened) {
    await fence.stop()
    redis.close()
  }
  await Promise.all([database.$disconnect(), superuser.$disconnect()])
})

describe('whether Redis may be used', () => {
  test('the others see what one server wrote without Redis before they use Redis again', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.fence.poll()
    await b.fence.poll()
    const family = aFamily(user?.id ?? '')
    await a.store.open(family, ORIGIN)

    b.redis.client.disconnect()
    await b.fence.poll()
    await b.store.revoke([tombstone(family)])
    await a.fence.poll()
    expect(a.fence.isEnabled).toBe(false)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')

    await endSuspension()
    await a.fence.poll()
    expect(a.fence.isEnabled).toBe(true)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a Redis that another server suspended stays unused, even if Postgres then does not answer', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.fence.poll()
    await b.fence.disable()
    await a.fence.poll()
    expect(a.fence.isEnabled).toBe(false)
    await superuser.$executeRaw`ALTER TABLE redis_trust RENAME TO hidden`
    try {
      await a.fence.poll()
      expect(a.fence.isEnabled).toBe(false)
    } finally {
      await superuser.$executeRaw`ALTER TABLE hidden RENAME TO redis_trust`
    }
  })

  test('a commit after a new epoch began is made visible', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.fence.poll()
    await b.fence.poll()
    const before = b.fence.epoch
    await a.fence.disable()
    await endSuspension()
    await a.fence.poll()
    expect(a.fence.epoch).toBeGreaterThan(before)
    await b.fence.ensureVisible(before)
    await a.fence.poll()
    expect(a.fence.isEnabled).toBe(false)
  })

  test('a logout at a server that has not seen the new epoch does not suspend Redis again', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.fence.poll()
    const family = aFamily(user?.id ?? '')
    await a.store.open(family, ORIGIN)
    await b.fence.disable()
    await endSuspension()
    await a.fence.poll()
    expect([a.fence.isEnabled, b.fence.isEnabled]).toEqual([true, false])

    await b.store.revoke([tombstone(family)])
    await a.fence.poll()
    expect(a.fence.isEnabled).toBe(true)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a poll that began before its own server suspended Redis does not enable it', async () => {
    const a = await aServer()
    await a.fence.poll()
    const probe = a.redis.probe.bind(a.redis)
    const gate = Promise.withResolvers<void>()
    a.redis.probe = async () => {
      await gate.promise
      return probe()
    }
    const polling = a.fence.poll()
    // Once this is answered, so is what the poll sent before it: the poll has read the row from before the suspension.
    await database.$queryRaw`SELECT 1`
    await a.fence.disable()
    gate.resolve()
    await polling
    expect(a.fence.isEnabled).toBe(false)
  })

  test('a request that waits for Redis when the fence is disabled fails at once', async () => {
    const a = await aServer()
    await a.fence.poll()
    const question = a.fence.whileEnabled(new Promise(() => undefined))
    await Promise.all([expect(question).rejects.toMatchObject({ store: 'Redis' }), a.fence.disable()])
  })

  test('a row that was read before an epoch began does not count in it', async () => {
    const a = await aServer()
    await a.fence.poll()
    const family = aFamily(user?.id ?? '')
    await durable.open(family, ORIGIN)
    const { epoch } = a.fence
    const read = (await durable.load(family.id))?.family ?? family
    await durable.revoke([tombstone(family)])
    await a.fence.disable()
    await endSuspension()
    await a.fence.poll()
    await a.cache.copyIn(read, epoch)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a family that does not stay in Redis is read from Postgres, and not reported as unknown', async () => {
    const a = await aServer()
    await a.fence.poll()
    const family = aFamily(user?.id ?? '')
    await durable.open(family, ORIGIN)
    const copyIn = a.cache.copyIn.bind(a.cache)
    // Evicted at once.
    a.cache.copyIn = async (one, epoch) => {
      await copyIn(one, epoch)
      await a.redis.client.del(`heirloom:family:{${one.id}}`)
    }
    expect((await a.store.load(family.id))?.family.sid).toBe(family.sid)
  })
})
