import { describe, expect, it } from 'vitest'
import { type Locks, type Session, type SessionStore, memoryStore, webStore } from '../src/index.ts'
import { LIFETIME_MS, ME, loggedIn, refusal, successor, tokens, turn } from './virtual-world.ts'

const stored = async (store: SessionStore) => (await store.load()) as Session

describe('a stored token', () => {
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

  it('is due at a random earlier time, so that clients that began together do not refresh together', async () => {
    const { world, client } = await loggedIn({ runtime: { random: () => 0.999 } })
    world.advance(LIFETIME_MS * 0.81)
    await client.accessToken()
    await turn()
    expect(world.redeemed).toHaveLength(1)
  })

  it('serves while the server is away, and retries now and then', async () => {
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
    ['half an answer', () => new Response('{"access_token":"a', { headers: { 'content-type': 'application/json' } })],
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

  it('does not let a page that calls all the time cause a flood', async () => {
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
    expect(asked).toEqual(['heirloom.session.write', 'heirloom.session', 'heirloom.session.write'])
    world.advance(LIFETIME_MS)
    world.answer = () => refusal(400, 'invalid_grant')
    await expect(client.accessToken()).rejects.toMatchObject({ code: 'session_ended' })
    expect(world.redeemed).toHaveLength(2)
    kept.set('heirloom.session', '{"accessToken":"half')
    expect(await client.isLoggedIn()).toBe(false)
  })

  it('is refreshed without the lock if it is not available', async () => {
    const locks: Locks = { request: () => Promise.reject(new DOMException('too late', 'TimeoutError')) }
    const store = { ...memoryStore(), lockName: 'shared' }
    const { world, client } = await loggedIn({ store, runtime: { locks } })
    world.advance(LIFETIME_MS)
    expect(await client.accessToken()).toBe('access-session-1-2')
  })

  it('refreshes ahead of need, and a failure only costs a retry', async () => {
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
