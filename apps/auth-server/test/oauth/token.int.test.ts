import { beforeAll, describe, expect, test } from 'vitest'
import { basic } from '../support/basic.ts'
import { CLIENTS, FILES, MAIL, OAUTH_REALM, secretOf } from '../support/oauth-realm.ts'
import { type Form, type RealmServer, realmServer } from '../support/realm-server.ts'
import { claimsOf } from '../support/status-list.ts'

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM)
})

const ROBOT = 'https://robot.example/a b'
const asDesk = { client_id: 'desk', client_secret: secretOf('desk') }
const refresh = (token: string, form: Form, headers?: Record<string, string>) =>
  server.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token, ...form }, headers)
const credentials = (form: Form = {}, headers: Record<string, string> = basic('nightly', secretOf('nightly'))) =>
  server.post('/oauth2/token', { grant_type: 'client_credentials', ...form }, headers)
/** The highest generation that was redeemed, as the stores have it. */
const redeemed = async (familyId: string) => (await server.core.families.load(familyId))?.family.redeemed

describe('a refresh by any OAuth client', () => {
  test.each([
    ['without a secret', 'phone', { client_id: 'phone' }, {}],
    ['by HTTP Basic', 'shop', {}, basic('shop', secretOf('shop'))],
    ['with the secret in the form', 'desk', { ...asDesk, resource: FILES }, {}],
    ['of our own application', 'web', { client_id: 'web' }, {}],
  ])('%s gets the answer of RFC 6749, section 5.1', async (_what, id, form, headers) => {
    const { refresh_token: first, session_id: sid } = await server.open(id)
    const answer = await refresh(first, form, headers)
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'files:read files:write',
      refresh_token: expect.stringMatching(/^hrt_/),
      refresh_token_timeout: 432_000,
      refresh_token_expires_in: 432_000,
      authorization_expires_in: expect.any(Number),
      session_id: sid,
    })
    expect(answer.body.authorization_expires_in).toBeGreaterThan(2_591_900)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
  })

  test('whose answer was lost is asked again and gets the same successor, at both calls', async () => {
    const { refresh_token: first } = await server.open('web')
    const answers = await Promise.all([1, 2, 3].map(() => refresh(first, { client_id: 'web' })))
    const [successor] = answers.map(({ body }) => body.refresh_token)
    expect(answers.map(({ body }) => body.refresh_token)).toEqual([successor, successor, successor])
    const json = { refresh_token: first, client_id: 'web' }
    const atAuth = await server.send('/auth/refresh', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(json),
    })
    expect(atAuth.body.refresh_token).toBe(successor)
  })
})

describe('a client that acts for itself', () => {
  test('gets an access token of its own, and nothing to refresh', async () => {
    const { status, body, headers } = await credentials()
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    const { access_token: token, ...rest } = body
    expect(rest).toEqual({ token_type: 'Bearer', expires_in: 900, scope: 'files:read' })
    expect(claimsOf(token)).toEqual({
      iss: server.url,
      aud: FILES,
      sub: 'nightly',
      client_id: 'nightly',
      scope: 'files:read',
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: expect.any(Number),
    })
  })

  test('may ask for one of its services, and its token is good there alone and for as long as that service allows', async () => {
    const asRobot = { client_id: ROBOT, client_secret: secretOf(ROBOT) }
    const { body } = await credentials(
      { ...asRobot, resource: 'HTTPS://mail.example:443/v1', scope: 'mail:send x' },
      {},
    )
    expect([body.scope, body.expires_in, claimsOf(body.access_token).aud]).toEqual(['mail:send', 60, MAIL])
    expect((await credentials({ ...asRobot, resource: FILES }, {})).body.scope).toBeUndefined()
    expect((await credentials(asRobot, {})).body.error).toBe('invalid_target')
  })

  test('whose id is an address logs in by HTTP Basic all the same', async () => {
    server.setClients(CLIENTS.map((one) => (one.id === ROBOT ? { ...one, auth: 'client_secret_basic' } : one)))
    const { status } = await credentials({ resource: MAIL }, basic(ROBOT, secretOf(ROBOT)))
    server.setClients(CLIENTS)
    expect(status).toBe(200)
  })
})

describe('what is wrong with a request is found before anything is spent', () => {
  const rows: [
    what: string,
    client: string,
    form: Form,
    status: number,
    error: string,
    headers?: Record<string, string>,
  ][] = [
    [
      'a resource that nobody has',
      'phone',
      { client_id: 'phone', resource: 'https://x.example' },
      400,
      'invalid_target',
    ],
    ['a resource of others', 'phone', { client_id: 'phone', resource: MAIL }, 400, 'invalid_target'],
    ['the auth server as a resource', 'phone', { client_id: 'phone', resource: 'auth-server' }, 400, 'invalid_target'],
    ['no resource where there are several', 'desk', asDesk, 400, 'invalid_target'],
    ['one good resource and a bad one', 'desk', { ...asDesk, resource: [FILES, 'x'] }, 400, 'invalid_target'],
    [
      'more resources than anyone compares',
      'phone',
      { client_id: 'phone', resource: Array.from({ length: 21 }, () => FILES) },
      400,
      'invalid_request',
    ],
    ['a scope that nobody has', 'phone', { client_id: 'phone', scope: 'all' }, 400, 'invalid_scope'],
    ['a scope of another resource', 'desk', { ...asDesk, resource: FILES, scope: 'mail:send' }, 400, 'invalid_scope'],
    ['another client', 'phone', { client_id: 'web' }, 400, 'invalid_grant'],
    ['no client', 'phone', {}, 401, 'invalid_client'],
    ['an unknown client', 'phone', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['a secret client without its secret', 'desk', { client_id: 'desk' }, 401, 'invalid_client'],
    ['a secret in two places', 'shop', asDesk, 400, 'invalid_request', basic('shop', secretOf('shop'))],
    ['a parameter twice', 'phone', { client_id: ['phone', 'phone'] }, 400, 'invalid_request'],
    ['another grant type', 'phone', { client_id: 'phone', grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['no grant type', 'phone', { client_id: 'phone', grant_type: '' }, 400, 'invalid_request'],
  ]
  test.each(rows)('%s: %s', async (_what, client, form, status, error, headers) => {
    const { refresh_token: token, familyId } = await server.open(client)
    const answer = await refresh(token, form, headers)
    expect([answer.status, answer.body]).toEqual([
      status,
      { error, error_description: expect.stringMatching(/^[^"\\]+$/) },
    ])
    expect(await redeemed(familyId)).toBe(0)
  })

  test('a scope that was not granted, although the client may ask for it', async () => {
    const { refresh_token: token, familyId } = await server.open('phone', 'files:read')
    const answer = await refresh(token, { client_id: 'phone', scope: 'files:write' })
    expect([answer.status, answer.body.error, await redeemed(familyId)]).toEqual([400, 'invalid_scope', 0])
  })

  test('a user without rights to what a machine may do, and a grant that a client is not registered for', async () => {
    expect((await credentials({ scope: 'files:write' })).body.error).toBe('invalid_scope')
    expect((await credentials({ resource: MAIL })).body.error).toBe('invalid_target')
    expect((await credentials({}, basic('shop', secretOf('shop')))).body.error).toBe('unauthorized_client')
    const asPhone = await server.post('/oauth2/token', { grant_type: 'client_credentials', client_id: 'phone' })
    expect(asPhone.body.error).toBe('unauthorized_client')
    expect((await refresh('hrt_x', {}, basic('nightly', secretOf('nightly')))).body.error).toBe('unauthorized_client')
    expect((await refresh('hrt_x', { client_id: 'phone' })).body.error).toBe('invalid_grant')
    const none = await server.post('/oauth2/token', { grant_type: 'refresh_token', client_id: 'phone' })
    expect(none.body.error).toBe('invalid_request')
  })

  test('an `error_description` never shows what was sent', async () => {
    const secret = 'what-nobody-may-read'
    const answer = await refresh(secret, { client_id: secret, scope: secret, resource: secret, client_secret: secret })
    expect(answer.text).not.toContain(secret)
  })
})

test('a public client cannot act for itself, even if it is registered so by mistake', async () => {
  server.setClients([
    ...CLIENTS,
    { ...CLIENTS[1], id: 'open', grants: ['client_credentials'] } as (typeof CLIENTS)[number],
  ])
  const answer = await server.post('/oauth2/token', { grant_type: 'client_credentials', client_id: 'open' })
  server.setClients(CLIENTS)
  expect(answer.body.error).toBe('unauthorized_client')
})
