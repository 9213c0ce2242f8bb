import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { startBrowser } from '../support/real-browser.ts'
import { type FlowServer, NATIVE_SCHEME, flowServer } from '../support/code-flow.ts'
import { PASSWORD } from '../support/server.ts'
import { listen } from '../support/site.ts'

let server: FlowServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
let application: Awaited<ReturnType<typeof listen>>
beforeAll(async () => {
  ;[server, browsers, application] = await Promise.all([
    flowServer({ LOGIN_ATTEMPTS_PER_ACCOUNT: '3', PAGES_NAME: 'Example Books' }),
    startBrowser(),
    listen('127.0.0.1', () => 'Logged in'),
  ])
})

const redirectUri = () => `http://127.0.0.1:${application.port}/callback`
const address = (changes: Record<string, string | undefined> = {}) =>
  server.url + server.address('native', { redirect_uri: redirectUri(), ...changes })

async function logIn(page: Page, fields: { username: string; password: string }) {
  await page.fill('[name=username]', fields.username)
  await page.fill('[name=password]', fields.password)
  await page.click('button')
}

/** A browser at the consent page. */
async function atConsent(changes: Record<string, string | undefined> = {}) {
  const [visit, user] = [await browsers.visit(), await server.user()]
  await visit.page.goto(address(changes))
  await logIn(visit.page, user.fields)
  await visit.page.waitForSelector('[name=decision]')
  return { ...visit, user }
}

/** Whether the application gets tokens for what the browser brings it. */
const hasTokens = async (page: Page) => {
  await page.waitForURL(`${redirectUri()}**`)
  const code = new URL(page.url()).searchParams.get('code') ?? ''
  const { status, body } = await server.redeem('native', code, { redirect_uri: redirectUri() })
  return status === 200 && typeof body.refresh_token === 'string'
}
const focused = (page: Page) => page.evaluate('document.activeElement.name')
const isAtCallback = (page: Page) => page.url().startsWith(redirectUri())

test('a user needs no mouse and no script from the login to the application', async () => {
  const { page, faults } = await browsers.visit()
  const { username } = await server.user()
  await page.goto(address())
  await expect.poll(() => focused(page)).toBe('username')
  for (const keys of [username, 'Tab', PASSWORD, 'Enter'])
    await (keys === 'Tab' || keys === 'Enter' ? page.keyboard.press(keys) : page.keyboard.type(keys))
  await page.waitForSelector('[name=decision]')
  const seen = []
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press('Tab')
    seen.push(
      await page.evaluate(
        `document.activeElement.textContent + ' ' + getComputedStyle(document.activeElement).outlineStyle`,
      ),
    )
  }
  expect(seen).toEqual(['Not you? solid', 'Allow solid', 'Do not allow solid'])
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')
  expect(await hasTokens(page)).toBe(true)
  expect(faults).toEqual([])
})

describe('after a form, the browser goes to the application', () => {
  const redirects: [string, string, () => string][] = [
    ['on the web', 'spa', () => 'https://spa.example/callback'],
    ['on this device', 'native', redirectUri],
    ['on this device, by IPv6', 'native', () => 'http://[::1]:9/callback'],
    ['that has a scheme of its own', 'native', () => NATIVE_SCHEME],
  ]

  /** A browser at the consent page of this client. @param policy instead of the page's own. */
  async function atConsentOf(clientId: string, redirect_uri: string, policy?: string) {
    const { page, faults, context } = await browsers.visit()
    const { fields } = await server.user()
    await page.goto(server.url + server.address(clientId, { redirect_uri }))
    await logIn(page, fields)
    await page.waitForSelector('[name=decision]')
    if (policy !== undefined) {
      await context.route('**/oauth2/authorize?*', async (route) => {
        const response = await route.fetch({ maxRedirects: 0 })
        const headers = { ...response.headers(), 'content-security-policy': policy }
        await route.fulfill({ response, headers })
      })
      await page.reload()
      await context.unroute('**/oauth2/authorize?*')
    }
    return { page, faults }
  }

  test.each(redirects)('%s', async (_, clientId, uri) => {
    const { page, faults } = await atConsentOf(clientId, uri())
    const answered = page.waitForResponse((response) => response.request().method() === 'POST')
    await page.click('text="Allow"')
    expect((await answered).headers()['location']?.startsWith(`${uri()}?code=hac_`)).toBe(true)
    expect(faults.filter((fault) => fault.includes('form-action'))).toEqual([])
  })

  test.each(redirects)('%s, which another policy would stop', async (_, clientId, uri) => {
    const { page, faults } = await atConsentOf(clientId, uri(), "form-action 'self'")
    await page.click('text="Allow"', { noWaitAfter: true })
    await expect.poll(() => faults).toEqual([expect.stringContaining('form-action')])
  })
})

describe('another site', () => {
  test('cannot frame a page', async () => {
    const { page, faults } = await browsers.visit()
    const evil = await listen('127.0.0.1', () => `<iframe src="${address().replaceAll('&', '&amp;')}"></iframe>`)
    await page.goto(`http://localhost:${evil.port}/`)
    await expect.poll(() => faults).toEqual([expect.stringContaining('frame-ancestors')])
    expect(await Promise.all(page.frames().map((frame) => frame.locator('form').count()))).toEqual([0, 0])
  })

  test('cannot post a form for the user, who is told so', async () => {
    const { page, user, context } = await atConsent()
    const token = await page.getAttribute('[name=form_token]', 'value')
    const before = await context.cookies()
    const fields = `<input name="form_token" value="${token}"><button name="decision" value="allow">x</button>`
    const evil = await listen(
      '127.0.0.1',
      () => `<form method="post" action="${address().replaceAll('&', '&amp;')}">${fields}</form>`,
    )
    await page.goto(`http://localhost:${evil.port}/`)
    await page.click('button')
    expect(await page.textContent('main')).toMatch(/came from another site, so it was ignored/)
    expect(await context.cookies()).toEqual(before)
    expect(await server.core.consents.ofUser(user.id)).toEqual([])
  })
})

describe('a login that fails', () => {
  test('keeps the username, says what was wrong, and then for how long to wait', async () => {
    const { page } = await browsers.visit()
    const { fields, username } = await server.user()
    await page.goto(address({ state: '+ %2B&=é"<' }))
    for (let i = 0; i < 3; i++) {
      await logIn(page, { username, password: 'wrong' })
      expect(await page.textContent('[role=alert]')).toBe('The username or the password is wrong.')
      expect(await page.inputValue('[name=username]')).toBe(username)
      expect(await page.inputValue('[name=password]')).toBe('')
      await expect.poll(() => focused(page)).toBe('password')
    }
    await logIn(page, fields)
    expect(await page.textContent('[role=alert]')).toMatch(/^Too many attempts. Try again in 1[45] minutes\.$/)
    expect(await page.title()).toBe('Error: Log in · Example Books')
  })

  test('because the page was open for too long, says so and keeps the username', async () => {
    const { page } = await browsers.visit()
    const { fields, username } = await server.user()
    await page.goto(address())
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 60_000 })
    try {
      await logIn(page, fields)
      expect(await page.textContent('[role=alert]')).toMatch(/open for too long/)
      expect(await page.inputValue('[name=username]')).toBe(username)
    } finally {
      vi.useRealTimers()
    }
    await logIn(page, fields)
    await page.click('text="Allow"')
    expect(await hasTokens(page)).toBe(true)
  })
})

describe('a user who does not go straight on', () => {
  test('finds the way again after the back button', async () => {
    const { page } = await atConsent()
    await page.click('text="Allow"')
    await page.waitForURL(`${redirectUri()}**`)
    await page.goBack()
    await page.click('text="Allow"')
    expect(await hasTokens(page)).toBe(true)
  })

  test.each(['login', 'consent'])('may click twice at the %s', async (form) => {
    const { page, user } =
      form === 'login' ? { ...(await browsers.visit()), user: await server.user() } : await atConsent()
    if (form === 'login') {
      await page.goto(address())
      await page.fill('[name=username]', user.username)
      await page.fill('[name=password]', PASSWORD)
      await page.dblclick('button')
      await page.waitForSelector('[name=decision]')
      await page.click('text="Allow"')
    } else await page.dblclick('text="Allow"')
    expect(await hasTokens(page)).toBe(true)
  })

  test('may have logged in in another tab meanwhile', async () => {
    const { context, page } = await browsers.visit()
    const { fields } = await server.user()
    const other = await context.newPage()
    for (const tab of [page, other]) await tab.goto(address())
    for (const tab of [page, other]) {
      await logIn(tab, fields)
      await tab.waitForSelector('[name=decision]')
    }
    for (const tab of [page, other]) {
      await tab.click('text="Allow"')
      expect(await hasTokens(tab)).toBe(true)
    }
  })

  test('may log in in two tabs at once', async () => {
    const { context, page } = await browsers.visit()
    const { fields } = await server.user()
    const tabs = [page, await context.newPage()]
    await Promise.all(tabs.map((tab) => tab.goto(address())))
    await Promise.all(tabs.map((tab) => logIn(tab, fields)))
    for (const tab of tabs) await tab.waitForSelector('[name=decision]')
    await Promise.all(tabs.map((tab) => tab.click('text="Allow"')))
    // Of two logins at once, the browser keeps one. The other tab shows its page again.
    for (const tab of tabs) {
      const isThere = async () => {
        if (!isAtCallback(tab)) await tab.click('text="Allow"', { timeout: 1_000 }).catch(() => null)
        return isAtCallback(tab)
      }
      await expect.poll(isThere).toBe(true)
      expect(await hasTokens(tab)).toBe(true)
    }
  })

  test('may have logged out in another tab meanwhile', async () => {
    const { context, page } = await atConsent()
    const other = await context.newPage()
    await other.goto(`${server.url}/logout`)
    await other.dblclick('button')
    await expect.poll(() => other.textContent('h1')).toBe('Logged out')
    await page.click('text="Allow"')
    expect(await page.textContent('h1')).toBe('Log in')
  })

  test('may be somebody else', async () => {
    const { page, user } = await atConsent({ prompt: 'consent', state: '+ %2B&=é"<' })
    const other = await server.user()
    expect(await page.textContent('dl')).toContain(user.username)
    await page.click('text="Not you?"')
    await logIn(page, other.fields)
    expect(await page.textContent('dl')).toContain(other.username)
    const posted = page.waitForRequest((request) => request.method() === 'POST')
    const token = await page.getAttribute('[name=form_token]', 'value')
    await page.click('text="Allow"')
    expect(new URLSearchParams((await posted).postData() ?? '').get('form_token')).toBe(token)
    expect(new URL(page.url()).searchParams.get('state')).toBe('+ %2B&=é"<')
    expect(await hasTokens(page)).toBe(true)
  })
})
