import { randomBytes } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { testStores } from '@heirloom/local-stack/testing'
import { authorizeRequest, createVerifier } from '@heirloom/verifier'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import type { Family } from '../../src/rules/family.ts'
import { AUTH_SERVER, type Client, realmOf } from '../../src/rules/realm.ts'
import type { Core } from '../../src/services/core.ts'
import { issueTokens } from '../../src/services/sessions/issue-tokens.ts'
import { openSession } from '../../src/services/sessions/open-session.ts'
import { refresh } from '../../src/services/sessions/refresh.ts'
import { logOut } from '../../src/services/sessions/revoke.ts'
import { register } from '../../src/services/accounts/register.ts'
import type { Account } from '../../src/stores/accounts.ts'
import { type ServerParts, wire } from '../../src/wiring.ts'
import { aClient, aResource } from '../support/realm.ts'

const PASSWORD = 'a long and quiet walk'
const MAIL = 'https://mail.example/api'
const theirs: Partial<Client> = {
  firstParty: false,
  grants: ['authorization_code', 'refresh_token'],
  scopes: ['files:read', 'mail:send'],
}
const CLIENTS = [
  aClient({ id: 'web', resources: ['files', AUTH_SERVER], scopes: ['files:read'] }),
  aClient({ id: 'phone', resources: [MAIL, AUTH_SERVER], scopes: ['mail:send'], grants: ['login'] }),
  aClient({ id: 'partner', ...theirs, resources: ['files', MAIL] }),
  aClient({ id: 'backend', ...theirs, resources: [MAIL], auth: 'client_secret_basic' }),
]
const realmWith = (...changed: Client[]) =>
  realmOf({
    resources: [aResource('files', 'files:read'), aResource(MAIL, 'mail:send')],
    roles: [{ name: 'admin', scopes: ['files:read', 'mail:send'] }],
    clients: CLIENTS.map((client) => changed.find(({ id }) => id === client.id) ?? client),
    defaultClient: 'web',
    defaultRoles: ['admin'],
  })

let realm = realmWith()
let parts: ServerParts
let core: Core
let app: ReturnType<typeof buildApp>
let admin: Account
beforeAll(async () => {
  const { databaseUrl, redisUrl } = await testStores()
  const config = readConfig({
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
    DATABASE_STATEMENT_TIMEOUT_MS: '5000',
    LOG_LEVEL: 'silent',
  })
  const metrics = createMetrics()
  parts = await wire(config, pino({ level: 'silent' }), metrics)
  core = { ...parts.core, realm: { current: () => realm } }
  app = buildApp({ ...parts, core }, metrics)
  const added = await register(core, { username: 'ada', password: PASSWORD, roles: ['admin'] })
  if (!added.ok) throw new Error(added.description)
  admin = added.account
})
afterAll(() => app.close())

/** A session of the administrator at a client, opened by whatever grant, with one token for each resource. */
async function sessionAt(id: string, ...only: string[]) {
  const client = realm.clients.get(id) as Client
  const resources = client.resources.filter((one) => only.length === 0 || only.includes(one))
  const how = { device: null, ip: '127.0.0.1' }
  const user = (await core.accounts.byId(admin.id)) ?? admin
  const opened = await openSession(core, { user, client, resources, scope: undefined, how })
  if (!opened.ok) throw new Error(opened.description)
  const { family, now } = opened
  const granted = { realm, client, resources, scope: family.scope, account: { roles: ['admin'], attributes: {} } }
  const { refresh_token: token, access_token: access } = await issueTokens(core, family, granted, 1, now)
  return { family, token, access }
}

const stored = async ({ id }: Family) => (await core.families.load(id))?.family
const post = async (url: string, payload: object) => {
  const { statusCode, body } = await app.inject({ method: 'POST', url, payload })
  return [statusCode, body === '' ? undefined : (JSON.parse(body) as Record<string, string>)] as const
}

const IDS = CLIENTS.map(({ id }) => id)
const NAMED = [undefined, ...IDS, 'unknown']
const PAIRS = IDS.flatMap((owner) => NAMED.map((named) => [owner, named] as const))
const isOfJson = (id: string) => id === 'web' || id === 'phone'
const isOfOauth = (id: string) => id !== 'phone'

describe('a refresh token is worth something only to its own client, at the calls of that client', () => {
  test.each(PAIRS)('at /auth: a token of %s, named %s', async (owner, named) => {
    const { family, token } = await sessionAt(owner)
    const before = await stored(family)
    const isTaken = isOfJson(owner) && (named === undefined || named === owner)
    const [status, body] = await post('/auth/refresh', { refresh_token: token, client_id: named })
    expect([status, body?.['error']]).toEqual(isTaken ? [200, undefined] : [400, 'invalid_grant'])
    const after = await stored(family)
    expect(after).toEqual(isTaken ? { ...before, redeemed: 1, redeemedAt: after?.redeemedAt } : before)
  })

  test.each(PAIRS)('at /oauth2: a token of %s, for %s', async (owner, clientId) => {
    const { family, token } = await sessionAt(owner, 'files', MAIL)
    const before = await stored(family)
    const isTaken = isOfOauth(owner) && clientId === owner
    const resources = owner === 'web' ? ['files'] : [MAIL]
    const answer = await refresh(core, { token: core.refreshTokens.parse(token), takes: 'oauth', clientId, resources })
    expect(answer.ok ? 200 : answer.error).toBe(isTaken ? 200 : 'invalid_grant')
    expect((await stored(family))?.redeemed).toBe(isTaken ? 1 : 0)
    if (!isTaken) expect(await stored(family)).toEqual(before)
  })

  test.each(['partner', 'backend'])(
    'an old token of %s at /auth ends nothing, and is found at its own call',
    async (owner) => {
      const { family, token } = await sessionAt(owner, MAIL)
      const atHome = (refreshToken: string) =>
        refresh(core, { token: core.refreshTokens.parse(refreshToken), takes: 'oauth', clientId: owner })
      const second = await atHome(token)
      if (second.ok) await atHome(second.refresh_token)
      const before = await stored(family)
      expect(before?.redeemed).toBe(2)
      expect(await post('/auth/refresh', { refresh_token: token })).toMatchObject([400, { error: 'invalid_grant' }])
      expect(await stored(family)).toEqual(before)
      expect(await atHome(token)).toMatchObject({ ok: false })
      expect((await stored(family))?.revoked?.reason).toBe('reuse')
    },
  )

  test.each(IDS)('logout with a token of %s', async (owner) => {
    const { family, token } = await sessionAt(owner)
    const before = await stored(family)
    expect(await post('/auth/logout', { refresh_token: token })).toEqual([204, undefined])
    if (!isOfJson(owner)) expect(await stored(family)).toEqual(before)
    else expect((await stored(family))?.revoked?.reason).toBe('logout')
  })

  test.each(PAIRS)('revocation at /oauth2: a token of %s, by %s', async (owner, clientId) => {
    const { family, token } = await sessionAt(owner)
    const isTaken = isOfOauth(owner) && clientId === owner
    expect(await logOut(core, { token: core.refreshTokens.parse(token), takes: 'oauth', clientId })).toMatchObject({
      ok: isTaken,
    })
    expect((await stored(family))?.revoked?.reason).toBe(isTaken ? 'logout' : undefined)
  })
})

test.each<[string, { resources?: string[]; scope?: string }, string]>([
  ['a resource that was not granted', { resources: [MAIL] }, 'invalid_target'],
  ['a resource that is unknown', { resources: ['files', 'unknown'] }, 'invalid_target'],
  ['the auth server, which is not for it', { resources: ['http://127.0.0.1:4000'] }, 'invalid_target'],
  ['a scope that was not granted', { scope: 'mail:send' }, 'invalid_scope'],
  ['a scope that is unknown', { scope: 'everything' }, 'invalid_scope'],
])('a refresh that asks for %s spends nothing, and revokes nothing', async (_, asked, error) => {
  const { family, token } = await sessionAt('partner', 'files')
  const ask = (more: object) =>
    refresh(core, { token: core.refreshTokens.parse(token), takes: 'oauth', clientId: 'partner', ...more })
  const before = await stored(family)
  expect(await ask(asked)).toMatchObject({ ok: false, error })
  expect(await stored(family)).toEqual(before)
  expect(await ask({})).toMatchObject({ ok: true, scope: 'files:read' })
})

test('a scope that the roles no longer grant spends nothing', async () => {
  const { family, token } = await sessionAt('partner')
  const ask = (more: object) =>
    refresh(core, { token: core.refreshTokens.parse(token), takes: 'oauth', clientId: 'partner', ...more })
  await core.accounts.change(admin.id, { roles: [] })
  expect(await ask({ resources: ['files'], scope: 'files:read' })).toMatchObject({ ok: false, error: 'invalid_scope' })
  expect((await stored(family))?.redeemed).toBe(0)
  await core.accounts.change(admin.id, { roles: ['admin'] })
  // And a narrower token leaves the grant as it was.
  expect(await ask({ resources: ['files'], scope: 'files:read' })).toMatchObject({ ok: true, scope: 'files:read' })
  expect(await ask({ resources: [MAIL] })).toMatchObject({ ok: true, scope: 'mail:send' })
})

describe('an access token is good for its own services alone', () => {
  const ISSUER = 'http://127.0.0.1:4000'
  const SERVICES = ['files', MAIL, ISSUER]
  test.each<[string, string[], string[]]>([
    ['web', [], ['files', ISSUER]],
    ['web', ['files'], ['files']],
    ['web', [AUTH_SERVER], [ISSUER]],
    ['phone', [], [MAIL, ISSUER]],
    ['partner', ['files'], ['files']],
    ['partner', [MAIL], [MAIL]],
    ['backend', [], [MAIL]],
  ])('of %s for %j', async (owner, only, accepted) => {
    const { access } = await sessionAt(owner, ...only)
    const ask = async (audience: string, requirement = {}) => {
      const verifier = createVerifier({ issuer: ISSUER, audience, keys: parts.keySet })
      const request = new Request(ISSUER, { headers: { authorization: `Bearer ${access}` } })
      const result = await authorizeRequest(verifier, request, requirement)
      return result.ok ? 200 : result.response.status
    }
    for (const service of SERVICES) {
      const isItsOwn = accepted.includes(service)
      expect([service, await ask(service)]).toEqual([service, isItsOwn ? 200 : 401])
      // The administrator has the role; an application that may act for him is no administrator.
      if (isItsOwn) expect(await ask(service, { role: 'admin' })).toBe(isOfJson(owner) ? 200 : 403)
    }
    const { statusCode } = await app.inject({ url: '/auth/me', headers: { authorization: `Bearer ${access}` } })
    expect(statusCode).toBe(accepted.includes(ISSUER) ? 200 : 401)
  })

  test('nobody but the user of a first-party client gets into the account, whatever the audience', async () => {
    const { family } = await sessionAt('web')
    const ask = async (claims: object) => {
      const now = Math.floor(Date.now() / 1000)
      const access = await core.signer.sign({
        iss: ISSUER,
        aud: ISSUER,
        jti: 'j',
        iat: now,
        exp: now + 60,
        ...claims,
      } as never)
      const { statusCode, headers } = await app.inject({
        url: '/auth/me',
        headers: { authorization: `Bearer ${access}` },
      })
      return [statusCode, headers['www-authenticate']]
    }
    const user = { sub: admin.id, sid: family.sid, auth_time: 1, roles: ['admin'] }
    expect(await ask({ ...user, client_id: 'web' })).toEqual([200, undefined])
    expect(await ask({ ...user, client_id: 'partner' })).toEqual([403, 'Bearer error="insufficient_scope"'])
    expect(await ask({ sub: 'web', client_id: 'web' })).toEqual([403, 'Bearer error="insufficient_scope"'])
    expect(await ask({ ...user, client_id: 'web', roles: undefined })).toEqual([401, 'Bearer error="invalid_token"'])
  })
})

describe('a client that is disabled', () => {
  test('ends its sessions for good: they are over while it is disabled, and after it was enabled again', async () => {
    const login = () => post('/auth/login', { username: 'ada', password: PASSWORD, client_id: 'phone' })
    const [old, elsewhere] = [await sessionAt('phone'), await sessionAt('web')]
    const phone = CLIENTS[1] as Client
    const endedBefore = (await core.clock.now()) + 1
    const outcomes = async () => {
      const headers = { authorization: `Bearer ${old.access}` }
      const sessions = await app.inject({
        url: '/auth/sessions',
        headers: { authorization: `Bearer ${elsewhere.access}` },
      })
      const ids = sessions.json<{ sessions: { id: string }[] }>().sessions.map(({ id }) => id)
      return {
        refresh: (await post('/auth/refresh', { refresh_token: old.token }))[0],
        account: (await app.inject({ url: '/auth/me', headers })).statusCode,
        isListed: ids.includes(old.family.sid),
        login: (await login())[0],
      }
    }
    expect(await outcomes()).toEqual({ refresh: 200, account: 200, isListed: true, login: 200 })
    const before = await stored(old.family)

    realm = realmWith({ ...phone, disabled: true, endedBefore })
    expect(await outcomes()).toEqual({ refresh: 400, account: 401, isListed: false, login: 400 })
    await expect.poll(() => core.clock.now()).toBeGreaterThan(endedBefore)
    realm = realmWith({ ...phone, endedBefore })
    expect(await outcomes()).toEqual({ refresh: 400, account: 401, isListed: false, login: 200 })
    expect(await stored(old.family)).toEqual(before)

    const [status, tokens] = await login()
    expect([status, (await post('/auth/refresh', { refresh_token: tokens?.['refresh_token'] }))[0]]).toEqual([200, 200])
    realm = realmWith()
  })

  test('and one that is gone has no sessions', async () => {
    const { family, token } = await sessionAt('phone')
    realm = realmOf({
      ...realmWith(),
      resources: [...realm.resources.values()],
      roles: [],
      clients: [CLIENTS[0] as Client],
    })
    expect(await post('/auth/refresh', { refresh_token: token })).toMatchObject([400, { error: 'invalid_grant' }])
    expect(await post('/auth/logout', { refresh_token: token })).toEqual([204, undefined])
    realm = realmWith()
    expect((await stored(family))?.revoked).toBeNull()
  })
})

test('each session lives as long as its own client says, in the list and at the refresh', async () => {
  const { family, access } = await sessionAt('web')
  const { family: brief, token } = await sessionAt('phone')
  const phone = CLIENTS[1] as Client
  const list = async () => {
    const { body } = await app.inject({ url: '/auth/sessions', headers: { authorization: `Bearer ${access}` } })
    const ids = (JSON.parse(body) as { sessions: { id: string }[] }).sessions.map(({ id }) => id)
    return [ids.includes(family.sid), ids.includes(brief.sid)]
  }
  expect(await list()).toEqual([true, true])
  realm = realmWith({ ...phone, policy: { ...phone.policy, refreshIdleTtlSeconds: 0.001 } })
  await expect.poll(list).toEqual([true, false])
  expect(await post('/auth/refresh', { refresh_token: token })).toMatchObject([400, { error: 'invalid_grant' }])
  realm = realmWith({ ...phone, policy: { ...phone.policy, refreshIdleTtlSeconds: 3_000, accessTokenTtlSeconds: 77 } })
  const [, tokens] = await post('/auth/refresh', { refresh_token: token })
  expect(tokens).toMatchObject({ expires_in: 77, refresh_token_expires_in: 3_000 })
  realm = realmWith()
})
