import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createClient, memoryStore } from '../src/index.ts'
import { CREDENTIALS, LIFETIME_MS, ME, loggedIn, refusal, successor } from './virtual-world.ts'

describe('fetch', () => {
  const invalidToken = () =>
    refusal(401, 'invalid_token', { 'www-authenticate': 'Bearer realm="x", error="invalid_token"' })

  it.each([
    ['the header', invalidToken],
    ['the body, where the header is hidden', () => refusal(401, 'invalid_token')],
  ])('a token that a service refuses is refreshed and the request sent again, by %s', async (_name, refused) => {
    const { world, client } = await loggedIn()
    world.advance(60_000)
    world.answer = (request) => (request.authorization === 'Bearer access-session-1-1' ? refused() : successor(request))
    const response = await client.fetch(ME, { method: 'POST', body: '{"title":"x"}' })
    expect(response.status).toBe(200)
    expect(world.requests.filter(({ path }) => path === '/api/me').map(({ body }) => body['title'])).toEqual(['x', 'x'])
  })

  it('it is sent again once', async () => {
    const { world, client } = await loggedIn()
    world.advance(60_000)
    world.answer = (request) => (request.path === '/api/me' ? invalidToken() : successor(request))
    expect((await client.fetch(ME)).status).toBe(401)
    expect(world.requests).toHaveLength(4)
  })

  it('a service that refuses every token does not cause endless refreshes', async () => {
    const { world, client } = await loggedIn()
    world.advance(60_000)
    world.answer = (request) => (request.path === '/api/me' ? invalidToken() : successor(request))
    for (let i = 0; i < 50; i++) expect((await client.fetch(ME)).status).toBe(401)
    expect(world.redeemed).toHaveLength(1)
  })

  it.each([
    ['another 401', () => new Response('', { status: 401, headers: { 'www-authenticate': 'Basic' } })],
    ['a 401 of something else', () => new Response('<h1>Who are you?</h1>', { status: 401 })],
    ['403', () => refusal(403, 'insufficient_scope')],
    ['503', () => refusal(503, 'temporarily_unavailable')],
  ])('%s is the answer', async (_name, answer) => {
    const { world, client } = await loggedIn()
    world.advance(60_000)
    world.answer = answer
    expect([401, 403, 503]).toContain((await client.fetch(ME)).status)
    expect(world.redeemed).toEqual([])
  })

  it('a stream is not sent twice', async () => {
    const { world, client } = await loggedIn()
    world.advance(60_000)
    world.answer = invalidToken
    expect((await client.fetch(ME, { method: 'POST', body: new Blob(['x']).stream() })).status).toBe(401)
    expect(world.requests).toHaveLength(2)
  })

  it('the token goes to the resources and nowhere else', async () => {
    const { world, client } = await loggedIn()
    for (const url of ['https://api.example.evil/', 'http://api.example/', 'https://auth.example/'])
      await expect(client.fetch(url)).rejects.toMatchObject({ code: 'address_not_allowed' })
    expect(world.requests).toHaveLength(1)
  })

  it('if one caller gives up, the others still get their token', async () => {
    const { world, client } = await loggedIn()
    world.advance(LIFETIME_MS)
    const leaving = new AbortController()
    const gone = client.fetch(ME, { signal: leaving.signal })
    const staying = client.accessToken()
    leaving.abort()
    await expect(gone).rejects.toMatchObject({ name: 'AbortError' })
    expect(await staying).toBe('access-session-1-2')
  })
})

describe('login', () => {
  it.each([
    [() => refusal(401, 'invalid_credentials'), { code: 'invalid_credentials' }],
    [
      () => refusal(429, 'too_many_attempts', { 'retry-after': '30' }),
      { code: 'too_many_attempts', retryAfterMs: 30_000 },
    ],
    [() => refusal(400, 'invalid_scope'), { code: 'login_refused', message: expect.stringContaining('invalid_scope') }],
    [
      () => refusal(503, 'temporarily_unavailable', { 'retry-after': '1' }),
      { code: 'unavailable', retryAfterMs: 1_000 },
    ],
    [() => Promise.reject(new TypeError('fetch failed')), { code: 'unavailable' }],
    [() => new Response('<h1>Welcome to the hotel</h1>'), { code: 'misconfigured' }],
  ])('%#: is refused as %o', async (answer, expected) => {
    const { world, client, store } = await loggedIn()
    await client.logout()
    world.answer = answer
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject(expected)
    expect(await store.load()).toBeNull()
  })

  it('stays logged in without a scope, as with a token for the auth server alone', async () => {
    const { client, store, world } = await loggedIn()
    const body = { access_token: 'a', token_type: 'Bearer', expires_in: 900, refresh_token: 'r', session_id: 's' }
    world.answer = () => Response.json(body)
    await client.login({ ...CREDENTIALS, resource: 'https://auth.example' })
    expect([await client.accessToken(), (await store.load())?.scope]).toEqual(['a', ''])
  })

  it('says who it is', async () => {
    const { world, client } = await loggedIn({ clientId: 'web' })
    const wishes = { scope: 'reports:read', resource: ['reports', 'https://files.example'], device: 'my telephone' }
    await client.login({ ...CREDENTIALS, ...wishes })
    expect(world.requests[1]?.body).toEqual({ ...CREDENTIALS, client_id: 'web', ...wishes })
    world.advance(LIFETIME_MS)
    await client.accessToken()
    expect(world.requests[2]?.body).toEqual({ refresh_token: 'refresh-session-1-1', client_id: 'web' })
  })
})

describe('logout', () => {
  it('notifies the server and deletes the session', async () => {
    const { world, client, store, events } = await loggedIn()
    expect(await client.logout()).toEqual({ serverNotified: true })
    expect(world.requests[1]).toMatchObject({ path: '/auth/logout', body: { refresh_token: 'refresh-session-1-1' } })
    expect(await store.load()).toBeNull()
    expect(events.at(-1)).toEqual({ type: 'session_ended', reason: 'logged_out' })
    expect(await client.logout()).toEqual({ serverNotified: true })
    expect(world.requests).toHaveLength(2)
  })

  it('deletes the session and says so if the server cannot be notified', async () => {
    const { world, client, store } = await loggedIn()
    world.answer = () => refusal(503, 'temporarily_unavailable', { 'retry-after': '1' })
    expect(await client.logout()).toEqual({ serverNotified: false })
    expect(world.requests).toHaveLength(4)
    expect(await store.load()).toBeNull()
  })

  it('notifies the server even if the store fails', async () => {
    const store = memoryStore()
    const { world, client } = await loggedIn({ store })
    store.clear = () => Promise.reject(new Error('the disk is full'))
    await expect(client.logout()).rejects.toMatchObject({ code: 'storage_failed' })
    expect(world.requests[1]?.path).toBe('/auth/logout')
  })
})

it('no error holds a secret', async () => {
  const store = memoryStore()
  const { world, client, events } = await loggedIn({ store })
  const errors: unknown[] = []
  const collect = (error: unknown) => void errors.push(error)
  world.advance(LIFETIME_MS)
  const echo = (request: { body: object }) =>
    Promise.reject(new TypeError(`failed to send ${JSON.stringify(request.body)}`))
  world.answer = echo
  await client.accessToken().catch(collect)
  await client.login(CREDENTIALS).catch(collect)
  world.answer = ({ body }) => refusal(400, `invalid ${JSON.stringify(body)}`)
  await client.login(CREDENTIALS).catch(collect)
  world.advance(LIFETIME_MS)
  world.answer = () => refusal(400, 'invalid_grant')
  await client.accessToken().catch(collect)
  world.answer = successor
  store.save = (session) => Promise.reject(new Error(JSON.stringify(session)))
  await client.login(CREDENTIALS).catch(collect)
  expect(errors).toHaveLength(5)
  const said = inspect([errors, events], { depth: 9, showHidden: true })
  for (const secret of ['access-session', 'refresh-session', CREDENTIALS.password]) expect(said).not.toContain(secret)
})

it('a listener that throws changes nothing', async () => {
  const onEvent = () => {
    throw new Error('the listener is broken')
  }
  const { world, client } = await loggedIn({ onEvent })
  world.advance(LIFETIME_MS)
  expect(await client.accessToken()).toBe('access-session-1-2')
  world.advance(LIFETIME_MS)
  world.answer = () => refusal(400, 'invalid_grant')
  await expect(client.accessToken()).rejects.toMatchObject({ code: 'session_ended' })
})

it('an invalid address is rejected at once', () => {
  expect(() => createClient({ authServer: 'auth.example', resources: [] })).toThrow(TypeError)
})
