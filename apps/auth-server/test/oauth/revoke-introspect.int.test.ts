import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { basic } from '../support/basic.ts'
import { CLIENTS, FILES, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { type Form, type RealmServer, realmServer } from '../support/realm-server.ts'

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
})
beforeEach(() => server.setClients(CLIENTS))

const asShop = basic('shop', secretOf('shop'))
const FILES_SERVICE = basic('files-service', secretOf('files-service'))
const MAIL_SERVICE = basic('mail-service', secretOf('mail-service'))

const post = (path: string, form: Form, headers: Record<string, string> = {}) => server.post(path, form, headers)
const revoke = (token: string, form: Form, headers?: Record<string, string>) =>
  post('/oauth2/revoke', { token, ...form }, headers)
const introspect = async (token: string, headers: Record<string, string>, form: Form = {}) =>
  (await post('/oauth2/introspect', { token, ...form }, headers)).body
const refresh = (token: string, form: Form, headers?: Record<string, string>) =>
  post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token, ...form }, headers)
const machineToken = async () =>
  (await post('/oauth2/token', { grant_type: 'client_credentials' }, basic('nightly', secretOf('nightly')))).body
    .access_token
const stored = async (familyId: string) => (await server.core.families.load(familyId))?.family
const changeUser = (id: string, change: object) => server.core.accounts.change(id, change)
const change = (id: string, changes: object) =>
  server.setClients(CLIENTS.map((one) => (one.id === id ? { ...one, ...changes } : one)))

const INACTIVE = { active: false }
const FORGED = `hrt_${'A'.repeat(72)}`

describe('revoking', () => {
  test.each(['refresh_token', 'access_token'] as const)('a %s ends its session at once', async (kind) => {
    const session = await server.open('phone')
    const { status, text } = await revoke(session[kind], { client_id: 'phone' })
    expect([status, text]).toEqual([200, '{}'])
    expect((await stored(session.familyId))?.revoked?.reason).toBe('logout')
    expect((await refresh(session.refresh_token, { client_id: 'phone' })).body.error).toBe('invalid_grant')
  })

  test.each(['refresh_token', 'access_token'] as const)(
    'a %s of another client is refused, and its session goes on',
    async (kind) => {
      const session = await server.open('phone')
      for (const [form, headers] of [
        [{ client_id: 'web' }, {}],
        [{}, asShop],
      ] as const) {
        const { status, body } = await revoke(session[kind], form, headers)
        expect([status, body.error]).toEqual([400, 'invalid_grant'])
      }
      expect(await stored(session.familyId)).toMatchObject({ revoked: null, redeemed: 0 })
    },
  )

  test('what is unknown, forged or gone is a 200, whatever the hint says', async () => {
    const { refresh_token: dead } = await server.open('phone')
    await revoke(dead, { client_id: 'phone' })
    for (const token of ['x', FORGED, 'a.b.c', 'x'.repeat(9_000), dead])
      for (const hint of ['access_token', 'refresh_token', 'nonsense'])
        expect((await revoke(token, { client_id: 'phone', token_type_hint: hint })).status).toBe(200)
  })

  test('an access token without a session says that it cannot be revoked', async () => {
    const token = await machineToken()
    const { status, body } = await revoke(token, {}, basic('nightly', secretOf('nightly')))
    expect([status, body.error]).toEqual([400, 'unsupported_token_type'])
    expect((await introspect(token, FILES_SERVICE)).active).toBe(true)
  })

  test('needs a token and a client, and no token in the address', async () => {
    expect((await revoke('', { client_id: 'phone' })).status).toBe(400)
    expect((await revoke('x', {})).status).toBe(401)
    expect((await post('/oauth2/revoke?token=x', { token: 'x', client_id: 'phone' })).status).toBe(400)
  })
})

describe('introspection of an access token', () => {
  test('shows a service what its token grants', async () => {
    const session = await server.open('phone')
    expect(await introspect(session.access_token, FILES_SERVICE)).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: server.url,
      aud: FILES,
      sub: session.userId,
      client_id: 'phone',
      scope: 'files:read files:write',
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: expect.any(Number),
      auth_time: expect.any(Number),
      sid: session.session_id,
      roles: [],
    })
  })

  test('shows a client that acts for itself', async () => {
    const { sub, sid, roles, active } = await introspect(await machineToken(), FILES_SERVICE)
    expect([active, sub, sid, roles]).toEqual([true, 'nightly', undefined, undefined])
  })

  test('is for the introspectors of its resource alone: to anybody else, there is no token', async () => {
    const { access_token: token } = await server.open('phone')
    const { access_token: own } = await server.open('shop')
    expect(await introspect(token, MAIL_SERVICE)).toEqual(INACTIVE)
    expect(await introspect(token, asShop)).toEqual(INACTIVE)
    expect(await introspect(own, asShop)).toEqual(INACTIVE)
  })

  test('is refused without a client that authenticates with a secret', async () => {
    const { access_token: token } = await server.open('phone')
    for (const [form, headers] of [
      [{}, {}],
      [{ client_id: 'phone' }, {}],
      [{ client_id: 'files-service' }, {}],
      [{}, basic('files-service', 'wrong')],
      [{}, { authorization: `Bearer ${token}` }],
    ] as const) {
      const { status, body } = await post('/oauth2/introspect', { token, ...form }, headers)
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
  })

  test.each<[what: string, end: (session: { refresh_token: string; userId: string }) => Promise<unknown>]>([
    ['its session was revoked', ({ refresh_token: token }) => revoke(token, { client_id: 'phone' })],
    ['its user was disabled', ({ userId }) => changeUser(userId, { disabledAt: new Date() })],
    ['its client was disabled', async () => change('phone', { disabled: true })],
    ['its client was removed', async () => change('phone', { id: 'phones' })],
    ['the sessions of its client were ended', async () => change('phone', { endedBefore: Date.now() + 60_000 })],
  ])('says that a token is no longer good after %s', async (_what, end) => {
    const session = await server.open('phone')
    expect((await introspect(session.access_token, FILES_SERVICE)).active).toBe(true)
    await end(session)
    expect(await introspect(session.access_token, FILES_SERVICE)).toEqual(INACTIVE)
  })

  test.each<[what: string, changes: object]>([
    ['disabled', { disabled: true }],
    ['disabled and enabled again', { endedBefore: Date.now() + 60_000 }],
    ['removed', { id: 'other' }],
  ])('a token of a machine is not good after its client was %s', async (_what, changes) => {
    const token = await machineToken()
    change('nightly', changes)
    expect(await introspect(token, FILES_SERVICE)).toEqual(INACTIVE)
  })

  test.each(['x', 'a.b.c', FORGED, 'x'.repeat(9_000)])('%.20s is not active', async (token) => {
    expect(await introspect(token, FILES_SERVICE)).toEqual(INACTIVE)
  })

  test('a token whose signature is not ours is not active', async () => {
    const [head, body, signature = ''] = (await server.open('phone')).access_token.split('.')
    const other = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
    expect(await introspect(`${head}.${body}.${other}`, FILES_SERVICE)).toEqual(INACTIVE)
  })
})

describe('introspection of a refresh token', () => {
  test('shows it to its own client, and redeems nothing', async () => {
    const session = await server.open('shop')
    const shown = await introspect(session.refresh_token, asShop)
    expect(shown).toEqual({
      active: true,
      iss: server.url,
      sub: session.userId,
      client_id: 'shop',
      scope: 'files:read files:write',
      exp: expect.any(Number),
      sid: session.session_id,
    })
    expect(await stored(session.familyId)).toMatchObject({ redeemed: 0, revoked: null })
    expect((await refresh(session.refresh_token, {}, asShop)).status).toBe(200)
  })

  test('shows nothing to another client, not even to a service that it leads to', async () => {
    const { refresh_token: token } = await server.open('shop')
    expect(await introspect(token, FILES_SERVICE)).toEqual(INACTIVE)
    expect(await introspect(token, {}, { client_id: 'desk', client_secret: secretOf('desk') })).toEqual(INACTIVE)
  })

  test('a token that was used long before is not good, and looking at it ends no session', async () => {
    const { refresh_token: first, familyId } = await server.open('shop')
    const { body: second } = await refresh(first, {}, asShop)
    const { body: third } = await refresh(second.refresh_token, {}, asShop)
    expect(await introspect(first, asShop)).toEqual(INACTIVE)
    expect(await stored(familyId)).toMatchObject({ redeemed: 2, revoked: null })
    // Within the grace period, the token before the newest could still be redeemed.
    expect((await introspect(second.refresh_token, asShop)).active).toBe(true)
    expect((await introspect(third.refresh_token, asShop)).active).toBe(true)
  })

  test('a token is not good after logout, or while its user is disabled', async () => {
    const [ended, disabled] = [await server.open('shop'), await server.open('shop')]
    await revoke(ended.refresh_token, {}, asShop)
    await changeUser(disabled.userId, { disabledAt: new Date() })
    for (const { refresh_token: token } of [ended, disabled]) expect(await introspect(token, asShop)).toEqual(INACTIVE)
  })
})
