import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { answerOf } from '../support/browser.ts'
import { startBrowser } from '../support/real-browser.ts'
import { flowServer } from '../support/code-flow.ts'
import { listen } from '../support/site.ts'

// The strictest settings: of an application's refresh tokens, none may be presented twice.
const STRICT = { REFRESH_GRACE_SECONDS: '0', REFRESH_LATE_REPEAT_GAP: 'off' }

let server: Awaited<ReturnType<typeof flowServer>>
let browsers: Awaited<ReturnType<typeof startBrowser>>
let application: Awaited<ReturnType<typeof listen>>
beforeAll(async () => {
  ;[server, browsers, application] = await Promise.all([
    flowServer(STRICT),
    startBrowser(),
    listen('127.0.0.1', () => 'Logged in'),
  ])
})

async function logIn(page: Page, fields: { username: string; password: string }) {
  await page.fill('[name=username]', fields.username)
  await page.fill('[name=password]', fields.password)
  await page.click('button')
}

const redirectUri = () => `http://127.0.0.1:${application.port}/callback`
const address = (changes: Record<string, string> = {}) =>
  server.url + server.address('native', { redirect_uri: redirectUri(), ...changes })

/** The code that the browser brings to the application. */
async function broughtCode(): Promise<string> {
  const isAnswer = ({ pathname }: URL) => pathname === '/callback'
  await expect.poll(() => application.asked.some(isAnswer)).toBe(true)
  return application.asked.splice(0).findLast(isAnswer)?.searchParams.get('code') ?? ''
}
const isTaken = async (code: string) =>
  (await server.redeem('native', code, { redirect_uri: redirectUri() })).status === 200

test('a double click on Allow logs nobody out, however strict the settings are', async () => {
  const { page } = await browsers.visit()
  const { fields } = await server.user()
  for (let round = 1; round <= 3; round++) {
    await page.goto(address())
    if (round === 1) await logIn(page, fields)
    await page.dblclick('text="Allow"')
    expect(await isTaken(await broughtCode())).toBe(true)
  }
  expect(server.events.filter(({ type }) => type === 'reuse' || type === 'late_repeat')).toEqual([])
})

test('a press whose answer is lost may be repeated, however strict the settings are', async () => {
  const browser = server.browser()
  const { fields } = await server.user()
  let page = await browser.submit(await browser.get(address()), fields)
  for (let round = 1; round <= 3; round++) {
    const before = [...browser.cookies]
    await browser.submit(page, { decision: 'allow' })
    for (const [name, value] of before) browser.cookies.set(name, value)
    const { parameters } = answerOf(await browser.submit(page, { decision: 'allow' }))
    expect(await isTaken(parameters['code'] ?? '')).toBe(true)
    page = await browser.get(address())
  }
  expect(server.events.filter(({ type }) => type === 'reuse' || type === 'late_repeat')).toEqual([])
})

describe('after the login that an application demands', () => {
  test('the consent page can be loaded again, and gone back to', async () => {
    const { page } = await browsers.visit()
    const { fields } = await server.user()
    await page.goto(address({ prompt: 'login' }))
    await logIn(page, fields)
    await page.waitForSelector('[name=decision]')
    const reloaded = page.waitForRequest((request) => request.isNavigationRequest())
    await page.reload()
    expect((await reloaded).method()).toBe('GET')
    await page.click('text="Allow"')
    expect(await isTaken(await broughtCode())).toBe(true)
    await page.goBack()
    await page.click('text="Allow"')
    expect(await isTaken(await broughtCode())).toBe(true)
  })

  test('its address is worth nothing in another browser, nor for another request', async () => {
    const { page } = await browsers.visit()
    const { fields } = await server.user()
    await page.goto(address({ prompt: 'login' }))
    await logIn(page, fields)
    await page.waitForSelector('[name=decision]')
    const visited = page.url()
    const elsewhere = await browsers.visit()
    await elsewhere.page.goto(visited)
    expect(await elsewhere.page.textContent('h1')).toBe('Log in')
    await page.goto(visited.replace('some+state', 'another'))
    expect(await page.textContent('h1')).toBe('Log in')
  })
})

test('a browser that keeps no cookies is told so, instead of the same form again and again', async () => {
  const { page, context } = await browsers.visit()
  const { fields } = await server.user()
  await context.route(`${server.url}/**`, async (route) => {
    const response = await route.fetch({ maxRedirects: 0 })
    const { 'set-cookie': _, ...headers } = response.headers()
    await context.clearCookies()
    await route.fulfill({ response, headers })
  })
  await page.goto(address())
  expect(await page.locator('[role=alert]').count()).toBe(0)
  await logIn(page, fields)
  expect(await page.textContent('[role=alert]')).toMatch(/allow cookies for this site/)
  // The next attempt, with cookies, goes on where this one stopped.
  await context.unrouteAll()
  await logIn(page, fields)
  expect(await page.textContent('h1')).toBe('Allow The native?')
})
