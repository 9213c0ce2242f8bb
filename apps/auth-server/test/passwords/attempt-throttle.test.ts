import { testStores } from '@heirloom/stack/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AttemptThrottle } from '../../src/passwords/attempt-throttle.ts'
import { RedisConnection } from '../../src/stores/redis-connection.ts'

const POLICY = { perAccount: 3, perAddress: 6, windowSeconds: 60 }
const { redisUrl, redis } = await testStores()
const connection = new RedisConnection(redisUrl)
connection.client.on('error', () => undefined)
beforeAll(() => connection.ready(5_000))
afterAll(() => connection.close())

const times = async (count: number, attempt: () => Promise<number | null>) => {
  const waits = []
  for (let i = 0; i < count; i++) waits.push(await attempt())
  return waits.map((wait) => wait !== null)
}

describe.each([
  ['per process', () => new AttemptThrottle(POLICY, null)],
  ['in Redis', () => new AttemptThrottle(POLICY, connection)],
])('%s', (where, throttle) => {
  test('per account, from wherever', async () => {
    const one = throttle()
    let address = 0
    expect(await times(5, () => one.attempt(`${where} a`, `10.0.0.${++address}`))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
    expect(await one.attempt(`${where} b`, '10.0.0.1')).toBeNull()
  })

  test('per address, for whomever; one /64 of IPv6 is one address', async () => {
    const one = throttle()
    let account = 0
    const attempt = () => one.attempt(`${where} ${++account}`, `2001:db8::${account}`)
    expect(await times(8, attempt)).toEqual([false, false, false, false, false, false, true, true])
    expect(await one.attempt(`${where} other`, '2001:db8:0:1::1')).toBeNull()
  })

  test('success starts the account anew', async () => {
    const one = throttle()
    const attempt = () => one.attempt(`${where} c`, '10.0.1.1')
    expect(await times(2, attempt)).toEqual([false, false])
    await one.succeeded(`${where} c`, '10.0.1.1')
    expect(await times(4, attempt)).toEqual([false, false, false, true])
  })
})

test('two servers share the count; without Redis each has its own', async () => {
  const servers = [new AttemptThrottle(POLICY, connection), new AttemptThrottle(POLICY, connection)]
  for (const server of servers) await server.attempt('shared', '10.0.2.1')
  expect(await servers[0]?.attempt('shared', '10.0.2.1')).toBeNull()
  expect(await servers[1]?.attempt('shared', '10.0.2.1')).toBeGreaterThan(0)
  await redis.stop()
  expect(await times(4, () => servers[0]?.attempt('shared', '10.0.2.2') ?? Promise.resolve(null))).toEqual([
    false,
    false,
    false,
    true,
  ])
})
