import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { AUTH_SERVER } from '../../src/rules/realm.ts'
import { basic } from '../support/basic.ts'
import { aClient, aRealm, aResource } from '../support/realm.ts'
import { realmServer } from '../support/realm-server.ts'
import { claimsOf as claimsIn } from '../support/status-list.ts'

const MAIL = 'https://mail.example/api'
const SECRET = 'the secret of the service'
const service = aClient({
  id: 'service',
  auth: 'client_secret_basic',
  grants: [],
  secretHashes: [createHash('sha256').update(SECRET).digest('hex')],
})
const web = aClient({ resources: ['files', MAIL, AUTH_SERVER], scopes: ['read', 'mail:send'] })
const realm = {
  ...aRealm(web, service),
  resources: [
    { ...aResource('files', 'read'), claims: { department: 'department' }, introspectors: ['service'] },
    { ...aResource(MAIL, 'mail:send'), claims: { groups: 'groups' } },
  ],
  roles: [{ name: 'user', scopes: ['read', 'mail:send'] }],
}
const server = await realmServer(realm)
const redis = new Redis(server.redisUrl)
afterAll(() => redis.quit())

const claimsOf = ({ access_token: token }: { access_token: string }) => {
  const { department, groups, salary } = claimsIn(token)
  return { department, groups, salary }
}

async function refreshed(token: string, resource?: string) {
  const { status, body } = await server.post('/oauth2/token', {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: 'web',
    ...(resource !== undefined && { resource }),
  })
  expect(status).toBe(200)
  return body
}

test('a user’s attributes become claims of the tokens of the resources that name them, as they are at each refresh', async () => {
  const opened = await server.open('web')
  expect(claimsOf(opened)).toEqual({ department: undefined, groups: undefined, salary: undefined })
  await server.core.accounts.change(opened.userId, { attributes: { department: 'R&D', groups: ['a'], salary: 1 } })
  const all = await refreshed(opened.refresh_token)
  expect(claimsOf(all)).toEqual({ department: 'R&D', groups: ['a'] })
  const forFiles = await refreshed(all.refresh_token, 'files')
  expect(claimsOf(forFiles)).toEqual({ department: 'R&D' })

  await server.core.accounts.change(opened.userId, { attributes: { groups: [] } })
  const later = await refreshed(forFiles.refresh_token)
  expect(claimsOf(later)).toEqual({ groups: [] })
})

test('a copy of the account that a server of an earlier version made does not hide the attributes', async () => {
  const opened = await server.open('web')
  const key = `heirloom:user:{${opened.userId}}`
  await server.core.accounts.change(opened.userId, { attributes: { department: 'R&D' } })
  for (const isStale of [false, true]) {
    // It writes a newer status, and leaves the attributes or has none.
    if (isStale) await redis.hset(key, 'attributes', '1 {"department":"old"}')
    else await redis.hdel(key, 'attributes')
    const answer = await refreshed(opened.refresh_token)
    expect(claimsOf(answer)).toEqual({ department: 'R&D' })
    expect(await redis.hget(key, 'attributes')).toBe('2 {"department":"R&D"}')
  }
})

test('a token stays small, and an event says what was left out', async () => {
  const opened = await server.open('web')
  await server.core.accounts.change(opened.userId, { attributes: { department: 'x'.repeat(2_000), groups: ['a'] } })
  const answer = await refreshed(opened.refresh_token)
  expect(claimsOf(answer)).toEqual({ groups: ['a'] })
  expect(server.events).toContainEqual({
    type: 'claims_left_out',
    userId: opened.userId,
    sid: opened.session_id,
    claims: 'department',
  })
})

test('a service that asks about a token sees the claims that one that verifies it sees', async () => {
  const opened = await server.open('web')
  await server.core.accounts.change(opened.userId, { attributes: { department: { name: 'R&D', floors: [1, 2] } } })
  const { access_token: token } = await refreshed(opened.refresh_token, 'files')
  const { body } = await server.post('/oauth2/introspect', { token }, basic('service', SECRET))
  const { status: _status, ...carried } = claimsIn(token)
  expect(body).toEqual({ ...carried, active: true, token_type: 'Bearer' })
  expect(body).toMatchObject({ department: { name: 'R&D', floors: [1, 2] }, roles: ['user'] })
})
