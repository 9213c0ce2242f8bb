import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LIFETIME_SECONDS, type Tab, virtualBrowser } from './virtual-browser.ts'

const ANN = { username: 'ann', password: 'a long and quiet walk' }
const BOB = { username: 'bob', password: 'a short and noisy ride' }
const ME = 'https://api.example/api/me'
const LIFETIME_MS = LIFETIME_SECONDS * 1000

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] }))
afterEach(() => void vi.useRealTimers())

/** The outcome of work that takes time. */
async function outcome<T>(work: Promise<T>, ms = 60_000): Promise<T | string> {
  const done = work.catch((error: { code?: string }) => error.code ?? 'another error')
  await vi.advanceTimersByTimeAsync(ms)
  return Promise.race([done, Promise.resolve('it still waits')])
}

/** A browser in which a user has logged in, in the first of these tabs. */
async function loggedIn(count = 1, options: Parameters<typeof virtualBrowser>[0] = {}) {
  const browser = virtualBrowser(options)
  const tabs = Array.from({ length: count }, () => browser.tab())
  const [first = expect.fail()] = tabs
  await outcome(first.client.login(ANN), 1_000)
  browser.asked.length = 0
  return { browser, tabs, first }
}
const all = <T>(tabs: Tab[], call: (tab: Tab) => Promise<T>, ms?: number) => outcome(Promise.all(tabs.map(call)), ms)
const types = ({ events }: Tab) => events.map((event) => ('reason' in event ? event.reason : event.type))

describe('a page', () => {
  it('never gets the refresh token, and sends and tells none', async () => {
    const browser = virtualBrowser()
    const { client } = browser.tab()
    await outcome(client.login({ ...ANN, device: 'a phone' }))
    expect(browser.asked).toEqual([
      { path: '/auth/login', body: { ...ANN, device: 'a phone', delivery: 'cookie' }, credentials: 'include' },
    ])
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    await outcome(client.fetch(ME))
    expect(browser.asked[1]).toEqual({ path: '/auth/refresh', body: {}, credentials: 'include' })
    expect(await outcome(client.logout())).toEqual({ serverNotified: true })
    expect(browser.asked[2]).toEqual({ path: '/auth/logout', body: {}, credentials: 'include' })
    expect(JSON.stringify([browser.messages, [...browser.stored]])).not.toContain('/')
    expect(browser.cookie).toBeNull()
  })

  it('names its client, if it has a name', async () => {
    const browser = virtualBrowser()
    const { client } = browser.tab({ clientId: 'web' })
    await outcome(client.isLoggedIn())
    expect(browser.asked.map(({ body }) => body)).toEqual([{ client_id: 'web' }])
  })

  it('is logged in again after a reload, by one refresh', async () => {
    const { browser, first } = await loggedIn()
    first.close()
    const { client, events } = browser.tab()
    const [a, b] = (await outcome(Promise.all([client.fetch(ME), client.isLoggedIn()]))) as [Response, boolean]
    expect([a.status, b]).toEqual([200, true])
    expect(browser.paths()).toEqual(['refresh'])
    expect(events.map(({ type }) => type)).toEqual(['refreshed'])
  })

  it('gets the access token of another tab, and the server is not asked', async () => {
    const { browser } = await loggedIn()
    const { client } = browser.tab()
    expect(await outcome(client.isLoggedIn())).toBe(true)
    expect(await outcome(client.fetch(ME))).toMatchObject({ status: 200 })
    expect(browser.paths()).toEqual([])
  })

  it('is not logged in without a cookie, and nothing has ended', async () => {
    const browser = virtualBrowser()
    const tab = browser.tab()
    expect(await outcome(tab.client.isLoggedIn())).toBe(false)
    expect(await outcome(tab.client.fetch(ME))).toBe('not_logged_in')
    expect(types(tab)).toEqual([])
    // It knows now.
    expect(browser.paths()).toEqual(['refresh'])
  })

  const undecided: [string, () => 'lost before' | 'lost after' | Response][] = [
    ['a request that is lost', () => 'lost before'],
    ['an answer that is lost', () => 'lost after'],
    ['403', () => Response.json({ error: 'origin_not_allowed' }, { status: 403 })],
    ['401', () => Response.json({ error: 'invalid_grant' }, { status: 401 })],
    ['503', () => Response.json({ error: 'temporarily_unavailable' }, { status: 503 })],
    ['another 400', () => Response.json({ error: 'invalid_client' }, { status: 400 })],
    ['a page of somebody else', () => new Response('<h1>Hotel Wi-Fi</h1>')],
  ]
  it.each(undecided)('%s is never a logout, at its start or later', async (_name, fate) => {
    const { browser, first } = await loggedIn()
    for (const which of ['a tab that is open', 'a new page']) {
      if (which === 'a new page') first.close()
      const tab = which === 'a new page' ? browser.tab() : first
      browser.fate = fate
      await vi.advanceTimersByTimeAsync(LIFETIME_MS)
      expect(await outcome(tab.client.isLoggedIn())).toSatisfy((is) => is === true || /^(?:un|mis)/.test(String(is)))
      expect(await outcome(tab.client.fetch(ME))).toMatch(/^(?:unavailable|misconfigured)$/)
      browser.fate = () => undefined
      await vi.advanceTimersByTimeAsync(60_000)
      expect(await outcome(tab.client.fetch(ME))).toMatchObject({ status: 200 })
      expect(types(tab).filter((type) => !/refreshed|refresh_failed|logged_in/.test(type))).toEqual([])
    }
    expect(browser.reused).toEqual([])
  })

  it('without channels and locks, as in an old browser, works alone', async () => {
    const browser = virtualBrowser()
    const [a, b] = [0, 1].map(() => browser.tab({ runtime: { channel: undefined, locks: undefined } }))
    if (!a || !b) expect.fail()
    await outcome(a.client.login(ANN))
    expect(await outcome(b.client.fetch(ME))).toMatchObject({ status: 200 })
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    await all([a, b], ({ client }) => client.fetch(ME))
    expect(await outcome(a.client.logout())).toEqual({ serverNotified: true })
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    expect(await outcome(b.client.fetch(ME))).toBe('session_ended')
    expect(browser.reused).toEqual([])
  })
})

describe('ten tabs', () => {
  it('refresh once at each expiry', async () => {
    const { browser, tabs } = await loggedIn(10)
    for (let expiry = 1; expiry <= 5; expiry++) {
      await vi.advanceTimersByTimeAsync(LIFETIME_MS)
      expect(await all(tabs, ({ client }) => client.fetch(ME))).toHaveLength(10)
      expect(browser.paths()).toHaveLength(expiry)
    }
  })

  it('refresh once, even if messages are slower than locks', async () => {
    const { browser, tabs } = await loggedIn(10, { channelMs: 200 })
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    await all(tabs, ({ client }) => client.fetch(ME))
    expect(browser.paths()).toEqual(['refresh'])
  })

  it('refresh once, even if all others are heard before the one that did', async () => {
    const { browser, tabs, first } = await loggedIn(10)
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    first.lag(200)
    await all(tabs, ({ client }) => client.fetch(ME))
    expect(browser.paths()).toEqual(['refresh'])
  })

  it('ask a server that is away no more often than one tab would', async () => {
    const requests = async (count: number) => {
      const { browser, tabs } = await loggedIn(count)
      browser.fate = () => 'lost before'
      await vi.advanceTimersByTimeAsync(LIFETIME_MS)
      for (let minute = 0; minute < 10; minute++) await all(tabs, ({ client }) => client.accessToken())
      return browser.asked.length
    }
    const [one, ten] = [await requests(1), await requests(10)]
    expect(one).toBeGreaterThan(10)
    expect(ten).toBeLessThan(one * 1.3)
  })

  it('go on if the one whose turn it is hangs for ever', async () => {
    const { browser, tabs } = await loggedIn(10)
    browser.locks
      .request('heirloom https://auth.example ', { signal: new AbortController().signal }, () => new Promise(() => {}))
      .catch(() => undefined)
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    expect(await all(tabs, ({ client }) => client.fetch(ME), 7_000)).toHaveLength(10)
    expect(browser.reused).toEqual([])
  })

  it('learn of a logout at once, and no call goes out after it', async () => {
    const { browser, tabs, first } = await loggedIn(10)
    await all(tabs, ({ client }) => client.fetch(ME))
    await outcome(first.client.logout(), 20)
    for (const tab of tabs.slice(1)) expect(types(tab).at(-1)).toBe('ended_elsewhere')
    browser.sent.length = 0
    expect(await all(tabs, ({ client }) => client.fetch(ME))).toBe('not_logged_in')
    expect(browser.sent).toEqual([])
  })

  it('do not bring an ended session back by a late refresh', async () => {
    const { browser, tabs, first } = await loggedIn(3, { netMs: 1_000 })
    await all(tabs, ({ client }) => client.fetch(ME))
    await vi.advanceTimersByTimeAsync(LIFETIME_MS)
    const refresh = tabs[1]?.client.fetch(ME).catch(() => undefined)
    await vi.advanceTimersByTimeAsync(500)
    await outcome(first.client.logout())
    await refresh
    expect(await all(tabs, ({ client }) => client.isLoggedIn())).toEqual([false, false, false])
    expect(browser.alive.size).toBe(0)
  })
})

describe('another user in another tab', () => {
  it('gets no call of this tab, whether or not this tab has heard of it', async () => {
    for (const runtime of [{}, { channel: undefined }]) {
      const browser = virtualBrowser()
      const [a, b] = [browser.tab({ runtime }), browser.tab({ runtime })]
      await outcome(a.client.login(ANN))
      await outcome(b.client.login(BOB))
      await vi.advanceTimersByTimeAsync(LIFETIME_MS)
      expect(await outcome(a.client.fetch(ME))).toBe('session_changed')
      expect(types(a).at(-1)).toBe('session_changed')
      expect(await outcome(b.client.fetch(ME))).toMatchObject({ status: 200 })
      expect(browser.sent.every(({ authorization }) => authorization?.includes('bob'))).toBe(true)
      // Nor does the logout of this tab end the session of the other one.
      await outcome(a.client.logout())
      expect(await outcome(b.client.fetch(ME))).toMatchObject({ status: 200 })
    }
  })
})

describe('a logout without a network', () => {
  it('holds after a reload, and reaches the server later', async () => {
    const { browser, first } = await loggedIn()
    browser.fate = () => 'lost before'
    expect(await outcome(first.client.logout())).toEqual({ serverNotified: false })
    first.close()
    const second = browser.tab()
    expect(await outcome(second.client.isLoggedIn())).toBe(false)
    expect(browser.alive.size).toBe(1)
    second.close()
    browser.fate = () => undefined
    const third = browser.tab()
    expect(await outcome(third.client.isLoggedIn())).toBe(false)
    expect([browser.alive.size, browser.cookie]).toEqual([0, null])
    await outcome(third.client.login(BOB))
    third.close()
    expect(await outcome(browser.tab().client.isLoggedIn())).toBe(true)
  })

  it('that is still being repeated does not end the next login', async () => {
    const { browser, tabs, first } = await loggedIn(2)
    browser.fate = ({ path }) => (path === '/auth/logout' ? 'lost before' : undefined)
    const leaving = first.client.logout()
    await vi.advanceTimersByTimeAsync(100)
    await outcome(tabs[1]?.client.login(BOB) ?? expect.fail(), 100)
    browser.fate = () => undefined
    expect(await outcome(leaving)).toEqual({ serverNotified: false })
    expect(await outcome(tabs[1]?.client.fetch(ME) ?? expect.fail())).toMatchObject({ status: 200 })
    expect(await outcome(browser.tab().client.isLoggedIn())).toBe(true)
  })
})

it('of two logins at once, the one that began last has the cookie', async () => {
  const { browser, first } = await loggedIn()
  const done = Promise.allSettled([first.client.login(BOB), first.client.login({ ...ANN, username: 'eve' })])
  expect(await outcome(done)).toMatchObject([{ reason: { code: 'session_changed' } }, { status: 'fulfilled' }])
  expect(browser.cookie).toContain('eve')
  expect([...browser.alive.keys()].filter((session) => session.startsWith('bob'))).toEqual([])
  expect(await outcome(browser.tab().client.isLoggedIn())).toBe(true)
})

it('refuses options that contradict each other', () => {
  const browser = virtualBrowser()
  expect(() => browser.tab({ delivery: 'cookies' as 'cookie' })).toThrow(TypeError)
  expect(() => browser.tab({ store: { load: () => null, save: () => {}, clear: () => {} } })).toThrow(TypeError)
})
