import type { Redis } from 'ioredis'
import { beforeAll, expect, test } from 'vitest'
import type { Database } from '../src/postgres/database.ts'
import { openStores } from './support/stores.ts'
import { PASSWORD, type TestServer, testServer } from './support/server.ts'

const CLIENT_SECRET = 'a-secret-that-is-for-the-client-alone'

let server: TestServer
let database: Database
let redis: Redis
beforeAll(async () => {
  server = await testServer()
  ;({ database, redis } = openStores(server))
})

const refresh = (refresh_token: string) => server.call('POST', '/auth/refresh', { refresh_token })

test('no secret reaches the log, Redis or Postgres in the clear', async () => {
  const { tokens: open } = await server.login()
  const { username, tokens } = await server.login()
  const next = (await refresh(tokens.refresh_token)).body
  await server.call('GET', `/auth/me?access_token=${tokens.access_token}`)
  await server.call('GET', `/${tokens.refresh_token}`)
  await server.call('POST', '/auth/login', `{"username":"${username}","password":"${PASSWORD}"`)
  await server.call('POST', '/auth/logout', { refresh_token: next.refresh_token })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const token = `token=${next.access_token}&client_id=web`
  for (const path of ['token', 'revoke', 'introspect', `revoke?${token}`])
    await server.call('POST', `/oauth2/${path}`, `${token}&grant_type=x&client_secret=${CLIENT_SECRET}`, form)
  const basic = { ...form, authorization: `Basic ${Buffer.from(`web:${CLIENT_SECRET}`).toString('base64')}` }
  await server.call('POST', '/oauth2/token', 'grant_type=client_credentials', basic)
  const secrets = [
    PASSWORD,
    CLIENT_SECRET,
    basic.authorization,
    open.access_token,
    open.refresh_token,
    tokens.access_token,
    tokens.refresh_token,
    next.access_token,
    next.refresh_token,
    'PRIVATE KEY',
  ]

  const hashes = await Promise.all((await redis.keys('heirloom:family:*')).map((key) => redis.hgetall(key)))
  expect(hashes).toHaveLength(2)
  const rows = await Promise.all([database.user.findMany(), database.family.findMany(), database.signingKey.findMany()])
  const text = JSON.stringify([hashes, await redis.keys('*'), rows], (_, value) =>
    typeof value === 'bigint' ? Number(value) : value,
  )
  const log = server.service.output.join('\n')
  expect(log).toContain('security event')
  for (const secret of secrets) {
    expect(log).not.toContain(secret)
    expect(text).not.toContain(secret)
  }
})
