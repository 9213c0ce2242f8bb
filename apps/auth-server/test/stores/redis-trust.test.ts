import { testStores } from '@heirloom/stack/testing'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type Family, NO_MARKS } from '../../src/rules/family.ts'
import { Accounts } from '../../src/stores/accounts.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { History } from '../../src/stores/history.ts'
import { LayeredFamilyStore } from '../../src/stores/layered-family-store.ts'
import { MarkWriter } from '../../src/stores/mark-writer.ts'
import { PostgresFamilyStore } from '../../src/stores/postgres-family-store.ts'
import { RedisConnection } from '../../src/stores/redis-connection.ts'
import { RedisFamilyStore } from '../../src/stores/redis-family-store.ts'
import { RedisTrust } from '../../src/stores/redis-trust.ts'
import { ORIGIN, aFamily } from './family-store.contract.ts'

const { databaseUrl, superuserUrl, redisUrl } = await testStores()
const database = openDatabase({ url: databaseUrl, poolSize: 5, statementTimeoutMs: 5_000 })
const record = new PostgresFamilyStore(database)
const marks = new MarkWriter({ write: (growths) => record.merge(growths), onChange: () => undefined })
const superuser = openDatabase({ url: superuserUrl, poolSize: 1, statementTimeoutMs: 5_000 })
const user = await new Accounts(database, null).add({ username: 'a', usernameKey: 'a', passwordHash: '-', roles: [] })
const opened: { redis: RedisConnection; trust: RedisTrust }[] = []

/** One server's view of the stores. It looks when the test says so. */
async function aServer() {
  const redis = new RedisConnection(redisUrl)
  redis.client.on('error', () => undefined)
  await redis.ready(5_000)
  const trust = new RedisTrust(database, redis, () => undefined)
  const history = new History(database, redis, () => undefined)
  opened.push({ redis, trust })
  const hot = new RedisFamilyStore(redis, () => trust.epoch)
  return { redis, trust, hot, store: new LayeredFamilyStore({ hot, record, marks, trust, history }) }
}

const tombstone = ({ id, expiresAt, createdAt }: Family) => ({
  id,
  expiresAt,
  marks: { ...NO_MARKS, revoked: { at: createdAt, reason: 'logout' as const } },
})
const suspensionIsOver = () =>
  database.$executeRaw`UPDATE redis_trust SET suspended_until = clock_timestamp() - interval '1 second' WHERE suspended_until IS NOT NULL`

beforeEach(suspensionIsOver)
afterAll(async () => {
  await marks.close()
  for (const { redis, trust } of opened) {
    await trust.stop()
    redis.close()
  }
  await Promise.all([database.$disconnect(), superuser.$disconnect()])
})

describe('whether Redis is to be believed', () => {
  test('what one server wrote past Redis, the others see before they believe it again', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.look()
    await b.trust.look()
    const family = aFamily(user?.id ?? '')
    await a.store.open(family, ORIGIN)

    b.redis.client.disconnect()
    await b.trust.look()
    await b.store.revoke([tombstone(family)])
    await a.trust.look()
    expect(a.trust.isTrusted).toBe(false)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')

    await suspensionIsOver()
    await a.trust.look()
    expect(a.trust.isTrusted).toBe(true)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('while another server suspends it, a Postgres that then does not answer is no reason to believe', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.look()
    await b.trust.suspend()
    await a.trust.look()
    expect(a.trust.isTrusted).toBe(false)
    await superuser.$executeRaw`ALTER TABLE redis_trust RENAME TO hidden`
    try {
      await a.trust.look()
      expect(a.trust.isTrusted).toBe(false)
    } finally {
      await superuser.$executeRaw`ALTER TABLE hidden RENAME TO redis_trust`
    }
  })

  test('a commit that came after a new epoch began is covered', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.look()
    await b.trust.look()
    const before = b.trust.epoch
    await a.trust.suspend()
    await suspensionIsOver()
    await a.trust.look()
    expect(a.trust.epoch).toBeGreaterThan(before)
    await b.trust.cover(before)
    await a.trust.look()
    expect(a.trust.isTrusted).toBe(false)
  })

  test('a logout at a server that has not seen the new epoch does not suspend it anew', async () => {
    const [a, b] = [await aServer(), await aServer()]
    await a.trust.look()
    const family = aFamily(user?.id ?? '')
    await a.store.open(family, ORIGIN)
    await b.trust.suspend()
    await suspensionIsOver()
    await a.trust.look()
    expect([a.trust.isTrusted, b.trust.isTrusted]).toEqual([true, false])

    await b.store.revoke([tombstone(family)])
    await a.trust.look()
    expect(a.trust.isTrusted).toBe(true)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a look that was under way when its own server suspended Redis is not believed', async () => {
    const a = await aServer()
    await a.trust.look()
    const probe = a.redis.probe.bind(a.redis)
    const gate = Promise.withResolvers<void>()
    a.redis.probe = async () => {
      await gate.promise
      return probe()
    }
    const look = a.trust.look()
    // By its answer, what the look sent before it was answered too: it read the row from before the suspension.
    await database.$queryRaw`SELECT 1`
    await a.trust.suspend()
    gate.resolve()
    await look
    expect(a.trust.isTrusted).toBe(false)
  })

  test('what still waits for Redis when the belief ends is told so at once', async () => {
    const a = await aServer()
    await a.trust.look()
    const question = a.trust.whileTrusted(new Promise(() => undefined))
    await Promise.all([expect(question).rejects.toMatchObject({ store: 'Redis' }), a.trust.suspend()])
  })

  test('a row that was read before an epoch began does not stand in it', async () => {
    const a = await aServer()
    await a.trust.look()
    const family = aFamily(user?.id ?? '')
    await record.open(family, ORIGIN)
    const { epoch } = a.trust
    const read = (await record.load(family.id))?.family ?? family
    await record.revoke([tombstone(family)])
    await a.trust.suspend()
    await suspensionIsOver()
    await a.trust.look()
    await a.hot.restore(read, epoch)
    expect((await a.store.load(family.id))?.family.revoked?.reason).toBe('logout')
  })

  test('a family that does not stay in Redis is answered by Postgres, not as unknown', async () => {
    const a = await aServer()
    await a.trust.look()
    const family = aFamily(user?.id ?? '')
    await record.open(family, ORIGIN)
    const restore = a.hot.restore.bind(a.hot)
    // Evicted at once.
    a.hot.restore = async (one, epoch) => {
      await restore(one, epoch)
      await a.redis.client.del(`heirloom:family:{${one.id}}`)
    }
    expect((await a.store.load(family.id))?.family.sid).toBe(family.sid)
  })
})
