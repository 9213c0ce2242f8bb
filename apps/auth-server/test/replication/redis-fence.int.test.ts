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
const writeBehind = new WriteBehind({ write: (growths) => durable.merge(growths), onChange: () => undefined })
const superuser = openDatabase({ url: superuserUrl, poolSize: 1, statementTimeoutMs: 5_000 })
const user = await new Accounts(database, null).add({ username: 'a', usernameKey: 'a', passwordHash: '-', roles: [] })
const opened: { redis: RedisConnection; trust: RedisFence }[] = []

/** One server's view of the stores. It looks when the test says so. */
async function aServer() {
  const redis = new RedisConnection(redisUrl)
  redis.client.on('error', () => undefined)
  await redis.ready(5_000)
  const fence = new RedisFence(database, redis, () => undefined)
  const rollback = new RollbackDetector(database, redis, () => undefined)
  opened.push({ redis, trust: fence })
  const cache = new RedisFamilyStore(redis, () => fence.epoch)
  return {
    redis,
    trust: fence,
    hot: cache,
    store: new LayeredFamilyStore({ cache, durable, writeBehind, fence, rollback }),
  }
}

const tombstone = ({ id, expiresAt, createdAt }: Family) => ({
  id,
  expiresAt,
  state: { ...EMPTY_STATE, revoked: { at: createdAt, reason: 'logout' as const } },
})
const suspensionIsOver = () =>
  database.$executeRaw`UPDATE redis_trust SET suspended_until = clock_timestamp() - interval '1 second' WHERE suspended_until IS NOT NULL`

beforeEach(suspensionIsOver)
afterAll(async () => {
  await writeBehind.close()
  for (const { redis, trust } of opened) {
    await trust.stop()
    redis.close()
  }
  await Promise.all([database.$disconnect(), superuser.$disconnect()])
})

describe('whether Redis is to be believed', () => {
  test('what one server wrote past Redis, the others see before they believe it again', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.poll()
    await b.trust.poll()
    const family = aFamily(user?.id ?? '')
    await a.store.open(family, ORIGIN)

    b.redis.client.disconnect()
    await b.trust.poll()
    await b.store.revoke([tombstone(family)])
    await a.trust.poll()
    expect(a.trust.isEnabled).toBe(false)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')

    await suspensionIsOver()
    await a.trust.poll()
    expect(a.trust.isEnabled).toBe(true)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('while another server suspends it, a Postgres that then does not answer is no reason to believe', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.poll()
    await b.trust.disable()
    await a.trust.poll()
    expect(a.trust.isEnabled).toBe(false)
    await superuser.$executeRaw`ALTER TABLE redis_trust RENAME TO hidden`
    try {
      await a.trust.poll()
      expect(a.trust.isEnabled).toBe(false)
    } finally {
      await superuser.$executeRaw`ALTER TABLE hidden RENAME TO redis_trust`
    }
  })

  test('a commit that came after a new epoch began is covered', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.poll()
    await b.trust.poll()
    const before = b.trust.epoch
    await a.trust.disable()
    await suspensionIsOver()
    await a.trust.poll()
    expect(a.trust.epoch).toBeGreaterThan(before)
    await b.trust.ensureVisible(before)
    await a.trust.poll()
    expect(a.trust.isEnabled).toBe(false)
  })

  test('a logout at a server that has not seen the new epoch does not suspend it anew', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.poll()
    const family = aFamily(user?.id ?? '')
    await a.store.open(family, ORIGIN)
    await b.trust.disable()
    await suspensionIsOver()
    await a.trust.poll()
    expect([a.trust.isEnabled, b.trust.isEnabled]).toEqual([true, false])

    await b.store.revoke([tombstone(family)])
    await a.trust.poll()
    expect(a.trust.isEnabled).toBe(true)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a look that was under way when its own server suspended Redis is not believed', async () => {
    const a = await aServer()
    await a.trust.poll()
    const probe = a.redis.probe.bind(a.redis)
    const gate = Promise.withResolvers<void>()
    a.redis.probe = async () => {
      await gate.promise
      return probe()
    }
    const look = a.trust.poll()
    // By its answer, what the look sent before it was answered too: it read the row from before the suspension.
    await database.$queryRaw`SELECT 1`
    await a.trust.disable()
    gate.resolve()
    await look
    expect(a.trust.isEnabled).toBe(false)
  })

  test('what still waits for Redis when the belief ends is told so at once', async () => {
    const a = await aServer()
    await a.trust.poll()
    const question = a.trust.whileEnabled(new Promise(() => undefined))
    await Promise.all([expect(question).rejects.toMatchObject({ store: 'Redis' }), a.trust.disable()])
  })

  test('a row that was read before an epoch began does not stand in it', async () => {
    const a = await aServer()
    await a.trust.poll()
    const family = aFamily(user?.id ?? '')
    await durable.open(family, ORIGIN)
    const { epoch } = a.trust
    const read = (await durable.load(family.id))?.family ?? family
    await durable.revoke([tombstone(family)])
    await a.trust.disable()
    await suspensionIsOver()
    await a.trust.poll()
    await a.hot.copyIn(read, epoch)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a family that does not stay in Redis is answered by Postgres, not as unknown', async () => {
    const a = await aServer()
    await a.trust.poll()
    const family = aFamily(user?.id ?? '')
    await durable.open(family, ORIGIN)
    const restore = a.hot.copyIn.bind(a.hot)
    // Evicted at once.
    a.hot.copyIn = async (one, epoch) => {
      await restore(one, epoch)
      await a.redis.client.del(`heirloom:family:{${one.id}}`)
    }
    expect((await a.store.load(family.id))?.family.sid).toBe(family.sid)
  })
})
