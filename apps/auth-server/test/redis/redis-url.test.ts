import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseRedisUrl } from '../../src/redis/redis-url.ts'

const folder = mkdtempSync(join(tmpdir(), 'heirloom-redis-url-'))
afterAll(() => rmSync(folder, { recursive: true }))
const ca = join(folder, 'ca.pem')
writeFileSync(ca, 'a certificate')

test('one Redis', () => {
  expect(parseRedisUrl('redis://a')).toEqual({
    kind: 'single',
    hosts: [{ host: 'a', port: 6379 }],
    login: {},
    sentinel: { name: '' },
  })
  expect(parseRedisUrl(`rediss://me:p%40%3Ass:w@[::1]:7000/3?sslrootcert=${ca}`)).toMatchObject({
    hosts: [{ host: '::1', port: 7000 }],
    login: { username: 'me', password: 'p@:ss:w', db: 3, tls: { ca: 'a certificate' } },
  })
  expect(parseRedisUrl('redis://:pw@a/').login).toEqual({ password: 'pw' })
})

test.each(['redis-cluster://:pw@a:1,b', 'redis+cluster://:pw@a:1,b/'])('a cluster: %s', (url) => {
  expect(parseRedisUrl(url)).toMatchObject({
    kind: 'cluster',
    hosts: [
      { host: 'a', port: 1 },
      { host: 'b', port: 6379 },
    ],
    login: { password: 'pw' },
  })
})

test('sentinels, with a login of their own', () => {
  expect(parseRedisUrl('rediss-sentinel://u:pw@a,b:5/my%20master/2?sentinel_username=s&sentinel_password=t')).toEqual({
    kind: 'sentinel',
    hosts: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 5 },
    ],
    login: { username: 'u', password: 'pw', db: 2, tls: {} },
    sentinel: { name: 'my master', username: 's', password: 't' },
  })
})

test.each([
  ['localhost:6379', 'begins with'],
  ['http://:hunter2@a', 'begins with'],
  ['redis://:hunter2@a,b', 'several hosts'],
  ['redis://:hunter2@', 'host:port'],
  ['redis://:hunter2@a:0', 'host:port'],
  ['redis://:hunter2@a:99999', 'host:port'],
  ['redis://:hunter2/x@a', 'percent-encode'],
  ['redis://:hunter2?x@a', 'percent-encode'],
  ['redis://:hunter2%@a', 'percent-encode'],
  ['redis://:hunter2%ff@a', 'percent-encode'],
  ['redis://:hunter2#x@a', 'percent-encode'],
  ['redis://:hunter2@a/name', 'database'],
  ['redis-cluster://:hunter2@a/1', 'a cluster has only one'],
  ['redis-sentinel://:hunter2@a', 'name the master'],
  ['redis://:hunter2@a?password=hunter2', 'parameter'],
  ['redis://:hunter2@a?hunter2=1', 'parameter'],
  [`redis://:hunter2@a?sslrootcert=${ca}`, 'rediss'],
  ['rediss://:hunter2@a?sslrootcert=/hunter2', 'sslrootcert that cannot be read'],
])('%s is refused without repeating it', (url, reason) => {
  const refused = () => parseRedisUrl(url)
  expect(refused).toThrow(reason)
  expect(refused).not.toThrow('hunter2')
})
