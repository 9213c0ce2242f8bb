import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Session, type SessionStore, memoryStore, webStore } from '../src/index.ts'
import { BOB, CREDENTIALS, LIFETIME_MS, ME, loggedIn, refusal, successor, turn } from './virtual-world.ts'

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await turn()
}

/** An asynchronous store, such as a database. */
function slowStore(): SessionStore & { kept: Session | null; slowSave: number } {
  const store = {
    kept: null as Session | null,
    slowSave: 3,
    async load() {
      const { kept } = store
      await turns(3)
      return kept
    },
    async save(session: Session) {
      await turns(store.slowSave)
      store.kept = session
    },
    async clear() {
      await turns(3)
      store.kept = null
    },
  }
  return store
}

const sentTo = (requests: { path: string; authorization: string | null }[], path: string) =>
  requests.filter((request) => request.path === path).map(({ authorization }) => authorization)

describe('a refresh that ends late', () => {
  it.each(Array.from({ length: 24 }, (_, i) => [i]))(
    'does not put the former user over a login, begun %i turns later',
    async (begunLater) => {
      const store = slowStore()
      const { world, client } = await loggedIn({ store })
      world.advance(LIFETIME_MS)
      const late = client.accessToken().catch((error: { code: string }) => error.code)
      await turns(begunLater)
      await client.login(BOB)
      await late
      await turns(20)
      expect(store.kept?.sessionId).toBe('session-bob')
      expect(await client.accessToken()).toBe('access-session-bob-1')
    },
  )

  it.each(Array.from({ length: 24 }, (_, i) => [i]))(
    'does not bring back a session after a logout, begun %i turns later',
    async (begunLater) => {
      const store = slowStore()
      store.slowSave = 12
      const { world, client } = await loggedIn({ store })
      world.advance(LIFETIME_MS)
      const late = client.accessToken().catch((error: { code: string }) => error.code)
      await turns(begunLater)
      await client.logout()
      await late
      await turns(20)
      expect(store.kept).toBeNull()
    },
  )

  it('gives way to a login in another tab, if the tabs share locks', async () => {
    for (let begunLater = 0; begunLater < 24; begunLater++) {
      const store = { ...slowStore(), lockName: 'shared' }
      let last: Promise<unknown> = Promise.resolve()
      const held = new Map<string, Promise<unknown>>()
      const locks = {
        request<T>(name: string, _options: object, work: () => Promise<T>): Promise<T> {
          const mine = (held.get(name) ?? last).then(work)
          held.set(
            name,
            mine.then(null, () => undefined),
          )
          return mine
        },
      }
      last = Promise.resolve()
      const { world, client, open } = await loggedIn({ store, runtime: { locks } })
      const other = open()
      world.advance(LIFETIME_MS)
      const late = client.accessToken().catch(() => undefined)
      await turns(begunLater)
      await other.login(BOB)
      await late
      await turns(20)
      expect((await store.load())?.sessionId).toBe('session-bob')
    }
  })
})

describe('two logins at once', () => {
  it('the login that began last counts, whichever is answered first', async () => {
    const { world, client, store } = await loggedIn()
    let release = () => {}
    world.answer = async (request) => {
      if (request.body['username'] === 'ann') await new Promise<void>((resolve) => (release = resolve))
      return successor(request)
    }
    const slow = client.login(CREDENTIALS)
    await turns(3)
    await client.login(BOB)
    release()
    await expect(slow).rejects.toMatchObject({ code: 'session_changed' })
    expect((await store.load())?.sessionId).toBe('session-bob')
    // Its tokens are not used, so it was ended.
    await turns(3)
    expect(world.requests.at(-1)).toMatchObject({
      path: '/auth/logout',
      body: { refresh_token: 'refresh-session-1-1' },
    })
  })

  it('a logout during a login wins', async () => {
    const { world, client, store } = await loggedIn()
    let release = () => {}
    world.answer = async (request) => {
      if (request.path === '/auth/login') await new Promise<void>((resolve) => (release = resolve))
      return successor(request)
    }
    const slow = client.login(BOB)
    await turns(3)
    await client.logout()
    release()
    await expect(slow).rejects.toMatchObject({ code: 'session_changed' })
    expect(await store.load()).toBeNull()
  })
})

describe('when a second user logs in in another tab', () => {
  it("the first user's request does not go out as the second", async () => {
    const { world, client, open, events } = await loggedIn()
    await open().login(BOB)
    await expect(client.fetch(ME, { method: 'POST', body: '{}' })).rejects.toMatchObject({ code: 'session_changed' })
    await expect(client.accessToken()).rejects.toMatchObject({ code: 'session_changed' })
    expect(await client.isLoggedIn()).toBe(false)
    expect(sentTo(world.requests, '/api/me')).toEqual([])
    expect(events.filter(({ type }) => type === 'session_changed')).toHaveLength(1)
  })

  it('a request that was refused is not sent again as the second user', async () => {
    const { world, client, open } = await loggedIn()
    world.advance(60_000)
    world.answer = async (request) => {
      if (request.path !== '/api/me') return successor(request)
      await open().login(BOB)
      return refusal(401, 'invalid_token')
    }
    await expect(client.fetch(ME, { method: 'POST', body: '{}' })).rejects.toMatchObject({ code: 'session_changed' })
    expect(sentTo(world.requests, '/api/me')).toEqual(['Bearer access-session-1-1'])
    expect(world.redeemed).toEqual([])
  })

  it('a request that waits for a refresh is not sent as the second user', async () => {
    const { world, client, open } = await loggedIn()
    world.advance(LIFETIME_MS)
    world.answer = async (request) => {
      if (request.path === '/auth/refresh') await open().login(BOB)
      return successor(request)
    }
    await expect(client.fetch(ME)).rejects.toMatchObject({ code: 'session_changed' })
    expect(sentTo(world.requests, '/api/me')).toEqual([])
  })

  it('a request that began before a login in its own tab is not sent as the second user either', async () => {
    const store = slowStore()
    const { world, client } = await loggedIn({ store })
    for (let begunLater = 0; ; begunLater++) {
      await client.login(CREDENTIALS)
      let isBob = false
      const login = client.login(BOB).then(() => (isBob = true))
      await turns(begunLater)
      if (isBob) break
      const before = world.requests.length
      const request = client.fetch(ME).catch(() => undefined)
      await login
      await request
      for (const token of sentTo(world.requests.slice(before), '/api/me'))
        expect(token).toBe('Bearer access-session-1-1')
      expect(begunLater).toBeLessThan(20)
    }
  })

  it('a logout ends the session of the first, and leaves that of the second', async () => {
    const { world, client, open, store } = await loggedIn()
    await open().login(BOB)
    expect(await client.logout()).toEqual({ serverNotified: true })
    expect(world.requests.at(-1)).toMatchObject({
      path: '/auth/logout',
      body: { refresh_token: 'refresh-session-1-1' },
    })
    expect((await store.load())?.sessionId).toBe('session-bob')
    // It has left the first session and starts again.
    expect(await client.accessToken()).toBe('access-session-bob-1')
  })

  it('a new client begins with the session that is there', async () => {
    const { open } = await loggedIn()
    await open().login(BOB)
    expect(await open().accessToken()).toBe('access-session-bob-1')
  })
})

describe('a second tab', () => {
  it('notices a logout at its next use', async () => {
    const { client, open, events } = await loggedIn()
    const other = open()
    expect(await other.isLoggedIn()).toBe(true)
    await client.logout()
    await expect(other.fetch(ME)).rejects.toMatchObject({ code: 'session_ended' })
    await expect(other.fetch(ME)).rejects.toMatchObject({ code: 'not_logged_in' })
    expect(events.slice(-2)).toEqual([
      { type: 'session_ended', reason: 'logged_out' },
      { type: 'session_ended', reason: 'ended_elsewhere' },
    ])
    await client.login(BOB)
    expect(await other.isLoggedIn()).toBe(false)
    expect(events.at(-1)).toEqual({ type: 'session_changed' })
  })

  it('notices a logout and a login at once, if the store has `subscribe`', async () => {
    const listeners = new Set<() => void>()
    const kept = memoryStore()
    const notify = () => listeners.forEach((listener) => listener())
    const store: SessionStore = {
      load: () => kept.load(),
      save: async (session) => (await kept.save(session), notify()),
      clear: async () => (await kept.clear(), notify()),
      subscribe: (listener) => void listeners.add(listener),
    }
    const { client, open, events } = await loggedIn({ store })
    const heard: unknown[] = []
    const other = open({ onEvent: (event) => heard.push(event) })
    await other.isLoggedIn()
    await client.logout()
    await turns(3)
    expect(heard).toEqual([{ type: 'session_ended', reason: 'ended_elsewhere' }])
    // The tab that did it got one event.
    expect(events.filter(({ type }) => type === 'session_ended')).toHaveLength(1)

    await client.login(CREDENTIALS)
    const third = open({ onEvent: (event) => heard.push(event) })
    await third.isLoggedIn()
    await client.login(BOB)
    await turns(3)
    expect(heard.slice(1)).toContainEqual({ type: 'session_changed' })
    // The tab that did it got none.
    expect(events.map(({ type }) => type)).not.toContain('session_changed')
  })
})

it('webStore reports changes by other tabs, and nothing else', () => {
  type Listener = (event: { key: string | null; storageArea: unknown }) => void
  const listeners: Listener[] = []
  vi.stubGlobal(
    'addEventListener',
    (type: string, listener: Listener) => type === 'storage' && listeners.push(listener),
  )
  onTestFinished(() => void vi.unstubAllGlobals())
  const storage = { getItem: () => null, setItem: () => {}, removeItem: () => {} }
  const heard = vi.fn<() => void>()
  webStore(storage, 'mine').subscribe?.(heard)
  const fire = (key: string | null, storageArea: unknown = storage) =>
    listeners.forEach((listener) => listener({ key, storageArea }))
  fire('another')
  fire('mine', { ...storage })
  expect(heard).not.toHaveBeenCalled()
  fire('mine')
  fire(null)
  expect(heard).toHaveBeenCalledTimes(2)
})

it('a store that never answers is reported, and no call waits for ever', async () => {
  const store = memoryStore()
  const { client } = await loggedIn({ store })
  store.load = () => new Promise<never>(() => {})
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const outcome = client.accessToken().catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(await outcome).toMatchObject({ code: 'storage_failed' })
})

it('a store that loses what it was given causes no flood of requests', async () => {
  const kept = memoryStore()
  const { world, client } = await loggedIn({
    store: { ...kept, save: (session) => (session.refreshToken.endsWith('-1') ? kept.save(session) : undefined) },
  })
  world.advance(LIFETIME_MS)
  for (let i = 0; i < 100; i++) {
    await expect(client.accessToken()).rejects.toMatchObject({
      code: expect.stringMatching(/storage_failed|unavailable/),
    })
    world.advance(500)
  }
  expect(world.redeemed.length).toBeLessThan(20)
})

it('an answer that names another session is not kept or used', async () => {
  const { world, client, store } = await loggedIn()
  world.advance(LIFETIME_MS)
  world.answer = (request) => successor({ ...request, body: { refresh_token: 'refresh-session-bob-7' } })
  await expect(client.fetch(ME)).rejects.toMatchObject({ code: 'misconfigured' })
  expect((await store.load())?.sessionId).toBe('session-1')
  expect(sentTo(world.requests, '/api/me')).toEqual([])
})
