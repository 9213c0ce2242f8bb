import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { testStores } from '@heirloom/local-stack/testing'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { RedisConnection } from '../../src/redis/redis-connection.ts'

const { redisUrl, redis } = await testStores()
const raw = new Redis(redisUrl)
const links: [near: Socket, far: Socket][] = []
const proxy = createServer((near) => {
  const far = connect(redis.port, '127.0.0.1')
  links.push([near, far])
  for (const socket of [near, far]) socket.on('error', () => undefined)
  near.pipe(far).pipe(near)
}).listen(0, '127.0.0.1')
await once(proxy, 'listening')

afterAll(() => {
  raw.disconnect()
  for (const socket of links.flat()) socket.destroy()
  proxy.close()
})

test('if a peer vanishes silently, a new connection replaces it', async () => {
  const url = new URL(redisUrl)
  url.port = String((proxy.address() as AddressInfo).port)
  const connection = new RedisConnection(url.href)
  let losses = 0
  connection.onLost(() => losses++)
  await connection.ready(5_000)
  const before = await connection.probe()

  // No data passes and no connection ends, as after a power cut.
  const [near, far] = links[0] ?? []
  near?.unpipe(far)
  far?.unpipe(near)
  await expect(connection.probe()).rejects.toThrow('timed out')
  await expect.poll(() => connection.probe().catch(() => ''), { timeout: 15_000 }).toBe(before)
  expect([links.length, losses]).toEqual([2, 1])
  connection.close()
})

test('a process that was a replica in between counts as another Redis', async () => {
  const connection = new RedisConnection(redisUrl)
  await connection.ready(5_000)
  const before = await connection.probe()
  await raw.replicaof('127.0.0.1', 1)
  await expect(connection.probe()).rejects.toThrow('READONLY')
  await raw.replicaof('NO', 'ONE')
  await expect.poll(() => connection.probe().catch(() => before), { timeout: 15_000 }).not.toBe(before)
  connection.close()
})
