import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from '@heirloom/local-stack/browser'
import type { Fate } from '../src/network.ts'
import { type Stack, USER } from '../src/stack.ts'
import { addCookiePage, callAll, countForks, expire, issued, logIn, openTab, takeEvents } from '../src/tabs.ts'
import { testStack } from './test-stack.ts'

const BOB = { ...USER, username: 'bob' }
let stack: Stack
let browser: Browser
let context: BrowserContext
let from: number
beforeAll(async () => {
  stack = await testStack()
  await stack.register(BOB)
  addCookiePage(stack)
  browser = await launchBrowser()
  afterAll(() => browser.close())
})
beforeEach(async () => {
  context = await browser.newContext()
  from = stack.network.passed.length
})
afterEach(async () => {
  stack.network.fate = () => ({})
  Object.assign(stack.network, { isCut: false, forgetsPreflights: false })
  await context.close()
  if (countForks(passed()) > 0) throw new Error('a token had two successors')
})

const passed = () => stack.network.passed.slice(from)
const refreshes = () => passed().filter(({ method, path }) => method === 'POST' && path === '/auth/refresh')

/** Tabs of a browser whose user has logged in. */
async function loggedIn(count = 1) {
  const patient = { timeoutMs: 20_000 }
  const tabs = [await openTab(stack, context, patient)]
  const [first = expect.fail()] = tabs
  expect(await logIn(first)).toBe('logged in')
  while (tabs.length < count) tabs.push(await openTab(stack, context, patient))
  expect(await callAll(tabs)).toEqual(tabs.map(() => '200'))
  await Promise.all(tabs.map(takeEvents))
  return tabs
}

it('no script of the page can read the refresh token, wherever it looks', async () => {
  const [tab = expect.fail()] = await loggedIn(2)
  const found = await tab.evaluate(`(async () => {
    const heard = []
    const name = (await navigator.locks.query()).held[0]?.name ?? 'heirloom ' + '${stack.network.url}' + ' '
    new BroadcastChannel(name).onmessage = ({ data }) => heard.push(data)
    ahead += 900_000
    await me()
    const answer = await fetch('${stack.network.url}/auth/refresh', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' }, credentials: 'include' })
    const databases = await indexedDB.databases()
    return JSON.stringify({ heard, body: await answer.json(), headers: [...answer.headers], cookie: document.cookie,
      localStorage: { ...localStorage }, sessionStorage: { ...sessionStorage }, databases, caches: await caches.keys(), events })
  })()`)
  expect(found).toContain('access_token')
  expect(found).not.toContain('hrt_')
  expect((await context.cookies()).map(({ httpOnly, value }) => [httpOnly, value.slice(0, 4)])).toEqual([
    [true, 'hrt_'],
  ])
})

it('a user stays logged in when the page is loaded again, and when it is opened again', async () => {
  const [tab = expect.fail()] = await loggedIn()
  await tab.reload()
  expect(await callAll([tab])).toEqual(['200'])
  await tab.close()
  const next = await openTab(stack, context)
  expect(await next.evaluate('client.isLoggedIn()')).toBe(true)
  expect(refreshes()).toHaveLength(2)
})

it('a new tab takes the access token of another one', async () => {
  await loggedIn(3)
  expect(refreshes()).toHaveLength(0)
})

it('a visitor who is not logged in is told so by one request', async () => {
  const tab = await openTab(stack, context)
  expect(await tab.evaluate('client.isLoggedIn()')).toBe(false)
  expect(await callAll([tab, tab])).toEqual(['not_logged_in', 'not_logged_in'])
  expect([refreshes().length, await takeEvents(tab)]).toEqual([1, []])
})

it('a logout in one tab reaches the others at once, and the cookie is gone', async () => {
  const [first = expect.fail(), ...others] = await loggedIn(3)
  expect(await first.evaluate('client.logout()')).toEqual({ serverNotified: true })
  for (const tab of others) await tab.waitForFunction(`events.includes('ended_elsewhere')`)
  expect(await callAll(others)).toEqual(others.map(() => 'not_logged_in'))
  expect(await context.cookies()).toEqual([])
  await first.reload()
  expect(await callAll([first])).toEqual(['not_logged_in'])
})

it('a logout without a network holds when the page is opened again, and ends the session later', async () => {
  const [tab = expect.fail()] = await loggedIn()
  stack.network.isCut = true
  expect(await tab.evaluate('client.logout()')).toEqual({ serverNotified: false })
  await tab.reload()
  expect(await tab.evaluate('client.isLoggedIn()')).toBe(false)
  expect(await context.cookies()).toHaveLength(1)
  stack.network.isCut = false
  await tab.reload()
  expect(await tab.evaluate('client.isLoggedIn()')).toBe(false)
  await expect.poll(() => context.cookies()).toEqual([])
})

describe('the network is cut', () => {
  const cuts: [string, Fate][] = [
    ['before a refresh', { lost: 'before' }],
    ['while the server refreshes', { stallMs: 300, lost: 'after' }],
    ['after a refresh, before its answer', { lost: 'after' }],
  ]
  it.each(cuts)(
    '%s: the session is there when it is back, in a page that stayed and in a new one',
    async (_name, cut) => {
      await loggedIn()
      const tab = await openTab(stack, context, { retryForMs: 500 })
      expect(await callAll([tab])).toEqual(['200'])
      stack.network.fate = () => cut
      await expire(context.pages())
      expect(await callAll([tab])).toEqual(['unavailable'])
      const next = await openTab(stack, context, { retryForMs: 500 })
      await expire([next])
      expect(await callAll([next])).toEqual(['unavailable'])
      stack.network.fate = () => ({})
      for (const page of [tab, next]) {
        await expect.poll(() => callAll([page])).toEqual(['200'])
        const events = await takeEvents(page)
        expect(events.filter((type) => type !== 'refresh_failed' && type !== 'refreshed')).toEqual([])
      }
    },
  )
})

describe('an answer that comes when its tab no longer waits for it', () => {
  /** Holds answers back, and says how many were asked for. */
  function hold(method: string, path: string, most = Infinity) {
    const held = { count: 0, release: () => {} }
    const until = new Promise<void>((resolve) => (held.release = resolve))
    stack.network.fate = (asked) =>
      asked.method === method && asked.path === path && held.count++ < most ? { until } : {}
    return held
  }
  async function came(count: number) {
    await expect.poll(() => passed().filter(({ fate, answeredAt }) => fate.until && answeredAt).length).toBe(count)
  }

  /** Tabs that wait for two seconds, and a patient one, in which the user has logged in. */
  async function impatient(count = 1) {
    const [patient = expect.fail()] = await loggedIn()
    const tabs: Page[] = []
    while (tabs.length < count) tabs.push(await openTab(stack, context, { timeoutMs: 2_000 }))
    expect(await callAll(tabs)).toEqual(tabs.map(() => '200'))
    const [tab = patient] = tabs
    return { tabs, tab, patient }
  }

  it.each([1, 2])('counts, even if %i tabs are about to ask again: the expiry costs one refresh', async (count) => {
    const { tabs } = await impatient(count)
    stack.network.forgetsPreflights = true
    const answer = hold('POST', '/auth/refresh', 1)
    await expire(tabs)
    const calls = callAll(tabs)
    await expect.poll(() => answer.count).toBe(1)
    const preflight = hold('OPTIONS', '/auth/refresh', 1)
    await expect.poll(() => preflight.count, { timeout: 10_000 }).toBe(1)
    answer.release()
    expect(await calls).toEqual(tabs.map(() => '200'))
    preflight.release()
    await came(2)
    expect(await callAll(tabs)).toEqual(tabs.map(() => '200'))
    expect(issued(passed()).size).toBe(2)
  })

  it('counts if no answer is faster', async () => {
    const { tabs } = await impatient()
    stack.network.fate = ({ path }) => (path === '/auth/refresh' ? { stallMs: 2_500 } : {})
    await expire(tabs)
    expect(await callAll(tabs)).toEqual(['200'])
    expect(issued(passed()).size).toBe(2)
  })

  it('does not bring an older session back after a login', async () => {
    const { tab, patient } = await impatient()
    const answer = hold('POST', '/auth/refresh')
    await expire([tab, patient])
    const call = callAll([tab])
    await expect.poll(() => answer.count).toBe(1)
    expect(await logIn(patient, BOB)).toBe('logged in')
    expect(await call).toEqual(['session_changed'])
    answer.release()
    await came(answer.count)
    stack.network.fate = () => ({})
    await expire([patient])
    expect(await callAll([patient])).toEqual(['200'])
  })

  it('is no second logout, which would end the next session', async () => {
    const { tab, patient } = await impatient()
    const answer = hold('POST', '/auth/logout', 1)
    expect(await tab.evaluate('client.logout()')).toEqual({ serverNotified: true })
    expect(await logIn(patient)).toBe('logged in')
    answer.release()
    await came(1)
    await tab.reload()
    expect(await callAll([tab])).toEqual(['200'])
  })
})

it('a tab that hangs does not keep the others from refreshing', async () => {
  const tabs = await loggedIn(3)
  const [hung = expect.fail(), ...others] = tabs
  await hung.evaluate(`void navigator.locks.request('heirloom ${stack.network.url} ', () => new Promise(() => {}))`)
  await expire(others)
  expect(await callAll(others)).toEqual(['200', '200'])
})

it('a page of another origin cannot refresh, and does not end the session', async () => {
  const [tab = expect.fail()] = await loggedIn()
  const foreign = await context.newPage()
  await foreign.goto(`${stack.site.foreignOrigin}/`)
  expect(await foreign.evaluate(`client.isLoggedIn().then(String, ({ code }) => code)`)).not.toBe('true')
  await expire([tab])
  expect(await callAll([tab])).toEqual(['200'])
})
