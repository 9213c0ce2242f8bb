import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClient, memoryStore } from '../src/index.ts'
import { serve } from './servers.ts'
import { CREDENTIALS, LIFETIME_MS, ME, loggedIn, refusal, successor } from './virtual-world.ts'

afterEach(() => void (vi.unstubAllGlobals(), vi.restoreAllMocks()))

const page = () => new Response('<h1>Welcome</h1>', { headers: { 'content-type': 'text/html' } })

describe('what is not an outage', () => {
  const wrong: [string, () => Response][] = [
    ['404', () => new Response('', { status: 404 })],
    ['404 in JSON', () => refusal(404, 'not_found')],
    ['405', () => new Response('', { status: 405 })],
    ['403 of a proxy', () => new Response('<h1>Forbidden</h1>', { status: 403 })],
    ['401 of a proxy', () => new Response('', { status: 401, headers: { 'www-authenticate': 'Basic' } })],
    ['a redirect', () => new Response('', { status: 302, headers: { location: 'https://elsewhere.example/' } })],
    ['a page', page],
    ['an empty 200', () => new Response('')],
    ['a list', () => Response.json([])],
    ['another service', () => Response.json({ hello: 'world' })],
    ['204', () => new Response(null, { status: 204 })],
    ['401 that is not about the password', () => refusal(401, 'invalid_token')],
    ['an empty token', () => Response.json({ access_token: '', refresh_token: 'r', expires_in: 900 })],
    ['400 in HTML', () => new Response('<h1>Bad Request</h1>', { status: 400 })],
    [
      'a token without end',
      () => Response.json({ access_token: 'a', refresh_token: 'r', expires_in: 1e308, scope: '', session_id: 's' }),
    ],
  ]
  it.each(wrong)('%s: is reported at the login, with the address', async (_name, answer) => {
    const { world, client } = await loggedIn()
    world.answer = answer
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('https://auth.example/auth/login'),
    })
  })

  it.each(wrong)(
    '%s: is reported at a refresh, not retried endlessly, and the session stays',
    async (_name, answer) => {
      const { world, client, store } = await loggedIn()
      world.advance(LIFETIME_MS)
      world.answer = answer
      await expect(client.accessToken()).rejects.toMatchObject({
        code: 'misconfigured',
        message: expect.stringContaining('https://auth.example/auth/refresh'),
      })
      expect(world.redeemed).toHaveLength(1)
      // Callers that go on get the error, and cause no more requests than in an outage.
      for (let i = 0; i < 100; i++) {
        await expect(client.accessToken()).rejects.toMatchObject({ code: 'misconfigured' })
        world.advance(100)
      }
      expect(world.redeemed.length).toBeLessThan(10)
      expect((await store.load())?.refreshToken).toBe('refresh-session-1-1')
      world.answer = successor
      world.advance(60_000)
      expect(await client.accessToken()).toBe('access-session-1-2')
    },
  )

  it('a platform that has no fetch', async () => {
    vi.stubGlobal('fetch', undefined)
    const client = createClient({ authServer: 'https://auth.example', resources: [] })
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({ code: 'misconfigured' })
  })

  it.each([
    [{ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'misconfigured'],
    [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'misconfigured'],
    [{ code: 'ECONNREFUSED' }, 'unavailable'],
    [undefined, 'unavailable'],
  ])('a cause of %o is %s, and its code is reported', async (cause, code) => {
    const { world, client } = await loggedIn()
    world.answer = () => Promise.reject(new TypeError('fetch failed', { cause }))
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(cause?.code ?? 'unavailable'),
    })
  })
})

const absent = () => {
  throw new TypeError('it is not a function')
}

it.each([
  ['AbortSignal.timeout', () => vi.spyOn(AbortSignal, 'timeout').mockImplementation(absent)],
  [
    'AbortSignal.prototype.throwIfAborted',
    () => vi.spyOn(AbortSignal.prototype, 'throwIfAborted').mockImplementation(absent),
  ],
])('a platform without %s: everything works', async (_name, remove) => {
  remove()
  const store = { ...memoryStore(), lockName: 'shared' }
  const locks = { request: <T>(_lock: string, _options: object, work: () => Promise<T>) => work() }
  const { world, client } = await loggedIn({ store, runtime: { locks } })
  world.advance(LIFETIME_MS)
  world.answer = (request) => {
    if (request.authorization === 'Bearer access-session-1-2') return refusal(401, 'invalid_token')
    return successor(request)
  }
  expect((await client.fetch(ME)).status).toBe(401)
  world.advance(60_000)
  expect((await client.fetch(ME, { method: 'POST', body: new Uint8Array(3) })).status).toBe(200)
  expect(await client.logout()).toEqual({ serverNotified: true })
})

it('a platform without streams (React Native): everything works', async () => {
  const { world, client } = await loggedIn()
  world.advance(60_000)
  const plain = (response: Response): Response => {
    const { status, headers } = response
    return { status, headers, text: () => response.text(), clone: () => plain(response.clone()) } as Response
  }
  world.answer = (request) =>
    plain(request.authorization === 'Bearer access-session-1-1' ? refusal(401, 'invalid_token') : successor(request))
  expect((await client.fetch(ME)).status).toBe(200)
  expect(await client.logout()).toEqual({ serverNotified: true })
})

describe('an outage', () => {
  it.each([500, 502, 503, 504, 408, 425])('%i: is unavailable', async (status) => {
    const { world, client } = await loggedIn()
    world.answer = () => new Response('<h1>Sorry</h1>', { status })
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('a JSON answer that was cut off is unavailable', async () => {
    const { world, client } = await loggedIn()
    world.answer = () => new Response('{"access_token":"a', { headers: { 'content-type': 'application/json' } })
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('an answer that never comes, to a fetch that cannot be aborted', async () => {
    const { world, client } = await loggedIn({ timeoutMs: 20 })
    world.answer = () => new Promise<never>(() => {})
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('over HTTP', () => {
  it.each([307, 308, 302])('a redirect (%i) of the auth server is reported and not followed', async (status) => {
    const got: string[] = []
    const elsewhere = await serve((request, response) => void (got.push(request.url ?? ''), response.end('{}')))
    const url = await serve((_request, response) => void response.writeHead(status, { location: elsewhere }).end())
    const client = createClient({ authServer: url, resources: [] })
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({ code: 'misconfigured' })
    expect(got).toEqual([])
  })

  it('a wrong base path', async () => {
    const url = await serve((_request, response) => void response.writeHead(404).end('<h1>Not found</h1>'))
    const client = createClient({ authServer: `${url}/wrong`, resources: [] })
    await expect(client.login(CREDENTIALS)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('/wrong/auth/login'),
    })
  })
})

describe('options', () => {
  const good = { authServer: 'https://auth.example', resources: ['https://api.example'] }
  it.each([
    ['an opaque origin', { resources: ['data:text/plain,x'] }],
    ['a file', { resources: ['file:///srv/api'] }],
    ['a custom scheme', { resources: ['app://api'] }],
    ['another scheme with an origin', { resources: ['wss://api.example'] }],
    ['a blob', { resources: ['blob:https://api.example/1'] }],
    ['no address', { resources: ['api.example'] }],
    ['an auth server without a host', { authServer: 'file:///auth' }],
    ['an auth server with a query', { authServer: 'https://auth.example/?a=b' }],
    ['an auth server with a fragment', { authServer: 'https://auth.example/#a' }],
    ['an auth server with a password', { authServer: 'https://ann:hush@auth.example/' }],
    ['a time that is none', { timeoutMs: Number.NaN }],
    ['no time', { timeoutMs: 0 }],
    ['a time without end, which a timer takes for none', { timeoutMs: Infinity }],
    ['a time that is too long for a timer', { timeoutMs: 2 ** 31 }],
    ['a negative time', { retryForMs: -1 }],
  ])('%s is rejected at once', (_name, wrong) => {
    expect(() => createClient({ ...good, ...wrong })).toThrow(TypeError)
    try {
      createClient({ ...good, ...wrong })
    } catch (error) {
      expect(String(error)).not.toContain('hush')
    }
  })
})
