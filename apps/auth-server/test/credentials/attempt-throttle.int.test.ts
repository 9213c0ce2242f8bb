import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { testStores } from '@heirloom/local-stack/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptThrottle } from '../../src/credentials/attempt-throttle.ts'
import { RedisConnection } from '../../src/redis/redis-connection.ts'

const POLICY = { perAccount: 3, perAddress: 6, windowSeconds: 60 }
const { redisUrl, redis } = await testStores()
const connection = new RedisConnection(redisUrl)
const reader = new Redis(redisUrl)
for (const client of [connection.client, reader]) client.on('error', () => undefined)
beforeAll(() => connection.ready(5_000))
afterAll(() => {
  connection.close()
  reader.disconnect()
})

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const login = (id: string) => ({ kind: 'login' as const, id })

/** For each attempt, whether it was refused. */
const times = async (count: number, attempt: () => Promise<{ waitSeconds: number | null }>) => {
  const waits = []
  for (let i = 0; i < count; i++) waits.push((await attempt()).waitSeconds)
  return waits.map((wait) => wait !== null)
}

describe.each([
  ['per process', () => new AttemptThrottle(POLICY, null)],
  ['in Redis', () => new AttemptThrottle(POLICY, connection)],
])('%s', (where, throttle) => {
  const name = where.replace(' ', '-')

  test('per account, from any address', async () => {
    const one = throttle()
    let address = 0
    expect(await times(5, () => one.attempt(login(`${name} a`), `10.0.0.${++address}`))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
    expect((await one.attempt(login(`${name} b`), '10.0.0.1')).waitSeconds).toBeNull()
  })

  test('per address, whatever the account; one /64 of IPv6 is one address', async () => {
    const one = throttle()
    let account = 0
    const attempt = () => one.attempt(login(`${name} ${++account}`), `2001:db8::${account}`)
    expect(await times(8, attempt)).toEqual([false, false, false, false, false, false, true, true])
    expect((await one.attempt(login(`${name} other`), '2001:db8:0:1::1')).waitSeconds).toBeNull()
  })

  test('an address that is over its limit does not use up the attempts of an account', async () => {
    const one = throttle()
    await times(6, () => one.attempt(null, '10.0.2.1'))
    expect(await times(9, () => one.attempt(login(`${name} victim`), '10.0.2.1'))).not.toContain(false)
    expect(await times(4, () => one.attempt(login(`${name} victim`), '10.0.2.2'))).toEqual([false, false, false, true])
  })

  test('success resets the counter of the account, and the address gets its attempt back', async () => {
    const one = throttle()
    const attempt = () => one.attempt(login(`${name} c`), '10.0.1.1')
    expect(await times(2, attempt)).toEqual([false, false])
    await (await attempt()).succeeded()
    expect(await times(3, attempt)).toEqual([false, false, false])
    // The sixth of this address: the one that succeeded does not count.
    expect(await times(2, () => one.attempt(null, '10.0.1.1'))).toEqual([false, true])
  })

  test('an attempt that got no answer because of a fault does not count', async () => {
    const one = throttle()
    for (let i = 0; i < 9; i++) await (await one.attempt(login(`${name} d`), '10.0.3.1')).takeBack()
    expect(await times(4, () => one.attempt(login(`${name} d`), '10.0.3.1'))).toEqual([false, false, false, true])
  })

  test('a locked account stays open, with a separate count, to a network from which it logged in before', async () => {
    const one = throttle()
    await (await one.attempt(login(`${name} e`), '2001:db8:9:1::1')).succeeded()
    expect(await times(4, () => one.attempt(login(`${name} e`), '10.0.4.1'))).toEqual([false, false, false, true])
    expect((await one.attempt(login(`${name} e`), '10.0.4.2')).waitSeconds).toBeGreaterThan(0)
    const home = () => one.attempt(login(`${name} e`), '2001:db8:9:1::2')
    await (await home()).succeeded()
    expect((await one.attempt(login(`${name} e`), '10.0.4.3')).waitSeconds).toBeGreaterThan(0)
    expect(await times(4, home)).toEqual([false, false, false, true])
  })

  test('a session and a login of one spelling are counted apart', async () => {
    const one = throttle()
    await times(4, () => one.attempt(login(`${name} f`), '10.0.5.1'))
    expect((await one.attempt({ kind: 'session', id: `${name} f` }, '10.0.5.2')).waitSeconds).toBeNull()
  })
})

test('what is refused leaves no key, and every key is short', async () => {
  await reader.flushall()
  const throttle = new AttemptThrottle(POLICY, connection)
  const long = 'x'.repeat(16_000)
  await times(20, () => throttle.attempt(login(long), long))
  const keys = await reader.keys('*')
  // Six of the address were counted, three of them for the account.
  expect(new Set(keys.map((key) => key.split(':')[2]))).toEqual(new Set(['address', 'login']))
  expect(keys).toHaveLength(2)
  expect(keys.every((key) => key.length < 80)).toBe(true)
  let account = 0
  await times(50, () => throttle.attempt(login(`other ${++account}`), long))
  expect(await reader.keys('*')).toHaveLength(2)
})

test('an account remembers ten networks', async () => {
  await reader.flushall()
  const throttle = new AttemptThrottle(POLICY, connection)
  for (let i = 0; i < 30; i++) await (await throttle.attempt(login('traveller'), `10.1.0.${i}`)).succeeded()
  const [key = ''] = await reader.keys('heirloom:networks:*')
  expect(await reader.zcard(key)).toBe(10)
  expect(await reader.ttl(key)).toBeGreaterThan(86_400)
})

test('two servers share the count; without Redis each has its own', async () => {
  const servers = [new AttemptThrottle(POLICY, connection), new AttemptThrottle(POLICY, connection)] as const
  for (const server of servers) await server.attempt(login('shared'), '10.0.2.1')
  expect((await servers[0].attempt(login('shared'), '10.0.2.1')).waitSeconds).toBeNull()
  expect((await servers[1].attempt(login('shared'), '10.0.2.1')).waitSeconds).toBeGreaterThan(0)
  await redis.stop()
  expect(await times(4, () => servers[0].attempt(login('shared'), '10.0.2.2'))).toEqual([false, false, false, true])
})

test('without Redis, a flood from any number of addresses takes no more memory than 10,000 counters', async () => {
  const throttle = new AttemptThrottle(POLICY, null)
  const flood = async (from: number, to: number) => {
    for (let i = from; i < to; i++)
      await throttle.attempt(login(`name ${i}`), `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
    gc()
    return process.memoryUsage().heapUsed
  }
  const full = await flood(0, 20_000)
  // 441 bytes a request would be 35 MB.
  expect((await flood(20_000, 100_000)) - full).toBeLessThan(10e6)
})
