import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  type Client,
  type ClientEvent,
  type ClientOptions,
  type Locks,
  type Session,
  type SessionStore,
  createClient,
  memoryStore,
  webStore,
} from '../src/index.ts'
import { LIFETIME_MS, refusal, successor, tokens, turn, virtualWorld } from './virtual-world.ts'

const CREDENTIALS = { username: 'ann', password: 'a long and quiet walk' }
const ME = 'https://api.example/api/me'

async function loggedIn(options: Partial<ClientOptions> = {}) {
  const world = virtualWorld()
  const store = options.store ?? memoryStore()
  const events: ClientEvent[] = []
  const open = (): Client =>
    createClient({
      authServer: 'https://auth.example/',
      resources: ['https://api.example'],
      store,
      onEvent: (event) => events.push(event),
      ...options,
      runtime: { ...world.runtime, ...options.runtime },
    })
  const client = open()
  await client.login(CREDENTIALS)
  return { world, store, events, client, open }
}

const stored = async (store: SessionStore) => (await store.load()) as Session

describe('a token that is there', () => {
  it('is sent, and the server is not asked', async () => {
    const { world, client } = await loggedIn()
    await client.fetch(ME, { headers: { accept: 'text/plain' } })
    expect(world.requests.map(({ path, authorization }) => [path, authorization])).toEqual([
      ['/auth/login', null],
      ['/api/me', 'Bearer access-session-1-1'],
    ])
  })

  it('is refreshed before it expires, and nobody waits for that', async () => {
    const { world, client, store } = await loggedIn()
    world.advance(LIFETIME_MS * 0.9 - 1)
    await client.accessToken()
    expect(world.redeemed).toEqual([])
    world.advance(1)
    expect(await client.accessToken()).toBe('access-session-1-1')
    await turn()
    await turn()
    expect(world.redeemed).toEqual(['refresh-session-1-1'])
    expect(await client.accessToken()).toBe('access-session-1-2')
    expect((await stored(store)).refreshToken).toBe('refresh-session-1-2')
  })

  it('is due a random while earlier, so that clients which began together do not come together', async () => {
    const { world, client } = await loggedIn({ runtime: { random: () => 0.999 } })
    world.advance(LIFETIME_MS * 0.81)
    await client.accessToken()
    await turn()
    expect(world.redeemed).toHaveLength(1)
  })

  it('serves while the server is away, which is asked now and then', async () => {
    const { world, client, events } = await loggedIn()
    world.answer = () => Promise.reject(new TypeError('fetch failed'))
    world.advance(LIFETIME_MS * 0.95)
    for (let i = 0; i < 100; i++) expect(await client.accessToken()).toBe('access-session-1-1')
    for (let i = 0; i < 100; i++) await turn()
    expect(world.redeemed.length).toBeLessThan(10)
    expect(events.at(-1)?.type).toBe('refresh_failed')
  })
})

describe('an expired token', () => {
  it('is refreshed once for fifty callers', async () => {
    const { world, client } = await loggedIn()
    world.advance(LIFETIME_MS)
    const got = await Promise.all(Array.from({ length: 50 }, () => client.accessToken()))
    expect(new Set(got)).toEqual(new Set(['access-session-1-2']))
    expect(world.redeemed).toEqual(['refresh-session-1-1'])
  })

  const undecided: [string, () => Response | Promise<Response>][] = [
    ['a lost answer', () => Promise.reject(new TypeError('fetch failed'))],
    ['503', () => refusal(503, 'temporarily_unavailable', { 'retry-after': '1' })],
    ['429', () => refusal(429, 'too_many_attempts', { 'retry-after': '2' })],
    ['500', () => refusal(500, 'server_error')],
    ['408', () => refusal(408, 'invalid_request')],
    ['a 400 that is not about the token', () => refusal(400, 'invalid_client')],
    ['a 400 that is not even ours', () => new Response('<h1>Bad request</h1>', { status: 400 })],
    ['401', () => refusal(401, 'invalid_grant')],
    ['404', () => new Response('', { status: 404 })],
    ["a captive portal's 200", () => new Response('<h1>Welcome to the hotel</h1>')],
    ['an answer without a token', () => Response.json({ access_token: '', refresh_token: 'r', expires_in: 900 })],
  ]
  it.each(undecided)('%s: the same token again, after a while', async (_name, answer) => {
    const { world, client, events } = await loggedIn()
    world.advance(LIFETIME_MS)
    let failures = 3
    world.answer = (request) => (failures-- > 0 ? answer() : successor(request))
    expect(await client.accessToken()).toBe('access-session-1-2')
    expect(world.redeemed).toEqual(Array.from({ length: 4 }, () => 'refresh-session-1-1'))
    expect(world.slept).toHaveLength(3)
    expect(events.map(({ type }) => type)).toEqual(['logged_in', 'refreshed'])
  })

  it('waits as long as the server says, and longer each time', async () => {
    const { world, client } = await loggedIn({ retryForMs: 60_000 })
    world.advance(LIFETIME_MS)
    const answers = ['7', new Date(world.runtime.now() + 17_000).toUTCString(), '', '']
    world.answer = (request) => {
      const after = answers.shift()
      return after === undefined ? successor(request) : refusal(503, 'x', after === '' ? {} : { 'retry-after': after })
    }
    await client.accessToken()
    expect(world.slept).toEqual([7_000, 10_000, 1_000, 2_000])
  })

  it('is given up for now, with the time to try again, and the session stays', async () => {
    const { world, client, events, store } = await loggedIn()
    world.advance(LIFETIME_MS)
    world.answer = () => refusal(503, 'temporarily_unavailable', { 'retry-after': '120' })
    await expect(client.accessToken()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 120_000 })
    await expect(client.fetch(ME)).rejects.toMatchObject({ code: 'unavailable' })
    expect(world.redeemed).toHaveLength(1)
    expect(events.at(-1)).toEqual({ type: 'refresh_failed', retryAfterMs: 120_000 })
    expect(await stored(store)).not.toBeNull()
    world.advance(120_000)
    world.answer = successor
    expect(await client.accessToken()).toBe('access-session-1-2')
  })

  it('does not make a page that calls all the time into a flood', async () => {
    const { world, client } = await loggedIn()
    world.advance(LIFETIME_MS)
    world.answer = () => Promise.reject(new TypeError('fetch failed'))
    const end = world.runtime.now() + 3_600_000
    while (world.runtime.now() < end) {
      await expect(client.accessToken()).rejects.toMatchObject({ code: 'unavailable' })
      world.advance(500)
    }
    expect(world.redeemed.length).toBeLessThan(140)
  })

  it('is refused by invalid_grant, and only then is the session over', async () => {
    const { world, client, events, store } = await loggedIn()
    world.advance(LIFETIME_MS)
    world.answer = () => refusal(400, 'invalid_grant')
    const calls = await Promise.allSettled([client.accessToken(), client.fetch(ME)])
    expect(calls.map((call) => call.status === 'rejected' && (call.reason as { code: string }).code)).toEqual([
      'session_ended',
      'session_ended',
    ])
    expect(world.redeemed).toHaveLength(1)
    expect(events.at(-1)).toEqual({ type: 'session_ended', reason: 'refused' })
    expect(await store.load()).toBeNull()
    await expect(client.accessToken()).rejects.toMatchObject({ code: 'not_logged_in' })
    expect(await client.isLoggedIn()).toBe(false)
  })
})

describe('a store that others share', () => {
  it('is looked into before the server is asked', async () => {
    const { world, client, open } = await loggedIn()
    const other = open()
    world.advance(LIFETIME_MS)
    await other.accessToken()
    expect(await client.accessToken()).toBe('access-session-1-2')
    expect(world.redeemed).toHaveLength(1)
  })

  it('keeps what is newer than a late answer', async () => {
    const { world, client, open, store } = await loggedIn()
    world.advance(LIFETIME_MS)
    let release: (response: Response) => void = () => {}
    world.answer = () => new Promise((resolve) => (release = resolve))
    const late = client.accessToken()
    await turn()
    await turn()
    world.answer = successor
    const other = open()
    await other.accessToken()
    world.advance(LIFETIME_MS)
    await other.accessToken()
    release(tokens(2))
    expect(await late).toBe('access-session-1-3')
    expect((await stored(store)).refreshToken).toBe('refresh-session-1-3')
  })

  it('outweighs a refusal of what is no longer the newest', async () => {
    const { world, client, store, events } = await loggedIn()
    world.advance(LIFETIME_MS)
    world.answer = async () => {
      await store.save({ ...(await stored(store)), accessToken: 'theirs', refreshToken: 'new', expiresAt: 2e12 })
      return refusal(400, 'invalid_grant')
    }
    expect(await client.accessToken()).toBe('theirs')
    expect(events.map(({ type }) => type)).toEqual(['logged_in'])
  })

  it('stays empty when somebody logs out during a refresh', async () => {
    const { world, client, open, store } = await loggedIn()
    world.advance(LIFETIME_MS)
    world.answer = async (request) => {
      if (request.path === '/auth/refresh') await open().logout()
      return successor(request)
    }
    await expect(client.accessToken()).rejects.toMatchObject({ code: 'session_ended' })
    expect(await store.load()).toBeNull()
  })

  it('is refreshed under a lock', async () => {
    const asked: string[] = []
    const locks: Locks = {
      request(name, _options, work) {
        asked.push(name)
        return work()
      },
    }
    const kept = new Map<string, string>()
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    }
    const { world, client } = await loggedIn({ store: webStore(storage), runtime: { locks } })
    world.advance(LIFETIME_MS)
    expect(await client.accessToken()).toBe('access-session-1-2')
    expect(asked).toEqual(['heirloom.session'])
    world.advance(LIFETIME_MS)
    world.answer = () => refusal(400, 'invalid_grant')
    await expect(client.accessToken()).rejects.toMatchObject({ code: 'session_ended' })
    expect(world.redeemed).toHaveLength(2)
    kept.set('heirloom.session', '{"accessToken":"half')
    expect(await client.isLoggedIn()).toBe(false)
  })

  it('is refreshed without a lock that is not to be had', async () => {
    const locks: Locks = { request: () => Promise.reject(new DOMException('too late', 'TimeoutError')) }
    const store = { ...memoryStore(), lockName: 'shared' }
    const { world, client } = await loggedIn({ store, runtime: { locks } })
    world.advance(LIFETIME_MS)
    expect(await client.accessToken()).toBe('access-session-1-2')
  })

  it('gets a new token before anybody uses it, and costs nothing but a retry where it fails', async () => {
    const kept = memoryStore()
    let isFull = true
    const store: SessionStore = {
      ...kept,
      save(session) {
        if (isFull && session.refreshToken.endsWith('2')) throw new Error('no room')
        return kept.save(session)
      },
    }
    const { world, client } = await loggedIn({ store })
    world.advance(LIFETIME_MS)
    await expect(client.fetch(ME)).rejects.toMatchObject({ code: 'storage_failed' })
    expect(world.requests.map(({ path }) => path)).toEqual(['/auth/login', '/auth/refresh'])
    isFull = false
    await client.fetch(ME)
    expect(world.redeemed).toEqual(['refresh-session-1-1', 'refresh-session-1-1'])
  })
})

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

  it('a service that refuses whatever it gets causes no refresh after refresh', async () => {
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

  it('one caller may go, and the others get their token', async () => {
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
    [() => new Response('<h1>Welcome to the hotel</h1>'), { code: 'unavailable' }],
  ])('%#: is refused as %o', async (answer, expected) => {
    const { world, client, store } = await loggedIn()
    await client.logout()
    world.answer = answer
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject(expected)
    expect(await store.load()).toBeNull()
  })

  it('says who it is', async () => {
    const { world, client } = await loggedIn({ clientId: 'web' })
    await client.login({ ...CREDENTIALS, scope: 'reports:read', device: 'my telephone' })
    expect(world.requests[1]?.body).toEqual({
      ...CREDENTIALS,
      client_id: 'web',
      scope: 'reports:read',
      device: 'my telephone',
    })
    world.advance(LIFETIME_MS)
    await client.accessToken()
    expect(world.requests[2]?.body).toEqual({ refresh_token: 'refresh-session-1-1', client_id: 'web' })
  })
})

describe('logout', () => {
  it('tells the server and forgets', async () => {
    const { world, client, store, events } = await loggedIn()
    expect(await client.logout()).toEqual({ serverTold: true })
    expect(world.requests[1]).toMatchObject({ path: '/auth/logout', body: { refresh_token: 'refresh-session-1-1' } })
    expect(await store.load()).toBeNull()
    expect(events.at(-1)).toEqual({ type: 'session_ended', reason: 'logged_out' })
    expect(await client.logout()).toEqual({ serverTold: true })
    expect(world.requests).toHaveLength(2)
  })

  it('forgets although the server cannot be told, and says so', async () => {
    const { world, client, store } = await loggedIn()
    world.answer = () => refusal(503, 'temporarily_unavailable', { 'retry-after': '1' })
    expect(await client.logout()).toEqual({ serverTold: false })
    expect(world.requests).toHaveLength(4)
    expect(await store.load()).toBeNull()
  })

  it('tells the server although the store fails', async () => {
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

it('an address that is none is told at once', () => {
  expect(() => createClient({ authServer: 'auth.example', resources: [] })).toThrow(TypeError)
})
