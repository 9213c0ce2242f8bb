import { beforeAll, describe, expect, test } from 'vitest'
import { basic } from '../support/basic.ts'
import { CLIENTS, FILES, MAIL, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { type Form, type RealmServer, realmServer } from '../support/realm-server.ts'
import { claimsOf } from '../support/status-list.ts'

// What other servers and kits got wrong at these calls. Each test names the report.

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
})

const CALLS = ['/oauth2/token', '/oauth2/revoke', '/oauth2/introspect']
const asDesk = { client_id: 'desk', client_secret: secretOf('desk') }
const asPhone = { client_id: 'phone' }
const asShop = basic('shop', secretOf('shop'))
const refresh = (token: string, form: Form, headers?: Record<string, string>) =>
  server.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token, ...form }, headers)
const stateOf = async (familyId: string) => {
  const { redeemed, revoked } = (await server.core.families.load(familyId))?.family ?? {}
  return { redeemed, revoked }
}
const UNTOUCHED = { redeemed: 0, revoked: null }

test('a lock per process: eight that refresh one token file at once log each other out (claude-code#85236, opencode#34074)', async () => {
  let { refresh_token: file } = await server.open('phone')
  for (let expiry = 0; expiry < 20; expiry++) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(file, asPhone)))
    const next = new Set(answers.map(({ body }) => body.refresh_token))
    expect([new Set(answers.map(({ status }) => status)), next.size]).toEqual([new Set([200]), 1])
    file = answers[0]?.body.refresh_token
  }
})

test('`resource` is checked after the refresh token is spent (workers-oauth-provider#246, #258)', async () => {
  const { refresh_token: token, familyId } = await server.open('phone')
  expect((await refresh(token, { ...asPhone, resource: MAIL })).body.error).toBe('invalid_target')
  expect(await stateOf(familyId)).toEqual(UNTOUCHED)
})

test('the audience at refresh is wider than what was granted (Better Auth, CVE-2026-67332)', async () => {
  const { refresh_token: token, familyId } = await server.open('desk', undefined, [FILES])
  for (const resource of [MAIL, [FILES, MAIL]])
    expect((await refresh(token, { ...asDesk, resource })).body.error).toBe('invalid_target')
  expect(await stateOf(familyId)).toEqual(UNTOUCHED)
  const { body } = await refresh(token, asDesk)
  expect([claimsOf(body.access_token).aud, body.scope]).toEqual([FILES, 'files:read files:write'])
})

describe('the registered authentication is not enforced (workers-oauth-provider#276, CVE-2026-53512)', () => {
  test.each<[what: string, form: Form, headers?: Record<string, string>]>([
    ['no secret', { client_id: 'shop' }],
    ['its secret in the form', { client_id: 'shop', client_secret: secretOf('shop') }],
    ['another client’s secret', {}, basic('shop', secretOf('desk'))],
  ])('%s', async (_what, form, headers) => {
    const { refresh_token: token, familyId } = await server.open('shop')
    for (const path of CALLS) {
      const sent = { grant_type: 'refresh_token', refresh_token: token, token, ...form }
      expect((await server.post(path, sent, headers)).status).toBe(401)
    }
    expect(await stateOf(familyId)).toEqual(UNTOUCHED)
  })
})

test('anyone’s token can be revoked (workers-oauth-provider#188)', async () => {
  const { refresh_token: token, access_token: access, familyId } = await server.open('phone')
  for (const one of [token, access])
    expect((await server.post('/oauth2/revoke', { token: one }, asShop)).body.error).toBe('invalid_grant')
  expect(await stateOf(familyId)).toEqual(UNTOUCHED)
})

test('one client id for all installations: a new login, or a logout, ends the others (workers-oauth-provider#299)', async () => {
  const [first, second, third] = [await server.open('phone'), await server.open('phone'), await server.open('phone')]
  await server.post('/oauth2/revoke', { token: second.refresh_token, ...asPhone })
  for (const { refresh_token: token } of [first, third]) expect((await refresh(token, asPhone)).status).toBe(200)
})

test.each([
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'nonsense',
  'application/x-www-form-urlencoded-x',
])('a wrong Content-Type is a 500 (workers-oauth-provider#240): %s', async (type) => {
  const { refresh_token: token } = await server.open('phone')
  for (const path of CALLS)
    for (const body of [`grant_type=refresh_token&client_id=phone&refresh_token=${token}`, '{}', '']) {
      const answer = await server.send(path, { method: 'POST', headers: { 'content-type': type }, body })
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request'])
    }
})

test('a refresh token is not bound to its client (ZITADEL, CVE-2026-55672)', async () => {
  const { refresh_token: token, familyId } = await server.open('shop')
  expect((await refresh(token, asPhone)).body.error).toBe('invalid_grant')
  expect((await refresh(token, { ...asDesk, resource: FILES })).body.error).toBe('invalid_grant')
  expect(await stateOf(familyId)).toEqual(UNTOUCHED)
})

test('a refresh is checked, then spent, with room for a logout between (Keycloak, CVE-2026-1035)', async () => {
  for (let i = 0; i < 10; i++) {
    const { refresh_token: token } = await server.open('phone')
    const [refreshed] = await Promise.all([
      refresh(token, asPhone),
      server.post('/oauth2/revoke', { token, ...asPhone }),
    ])
    // Whichever came first, after the logout was answered nothing of the session is good.
    for (const one of [token, refreshed.body.refresh_token].filter(Boolean))
      expect((await refresh(one, asPhone)).body.error).toBe('invalid_grant')
  }
})

test('a client that acts for itself gets the scopes of its users (Better Auth 1.7)', async () => {
  const realm = CLIENTS.map((one) => (one.id === 'nightly' ? { ...one, scopes: [] } : one))
  server.setClients(realm)
  const grant = { grant_type: 'client_credentials' }
  const { body } = await server.post('/oauth2/token', grant, basic('nightly', secretOf('nightly')))
  server.setClients(CLIENTS)
  expect([body.scope, claimsOf(body.access_token).scope]).toEqual([undefined, undefined])
})

test('`resource` is ignored, and every token is for everybody (supabase/auth#2610)', async () => {
  const { refresh_token: token } = await server.open('desk')
  const { body } = await refresh(token, { ...asDesk, resource: MAIL })
  expect([claimsOf(body.access_token).aud, body.scope]).toEqual([MAIL, 'mail:send'])
})
