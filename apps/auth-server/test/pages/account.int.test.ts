import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { isConsent } from '../support/browser.ts'
import { startBrowser } from '../support/real-browser.ts'
import { type FlowServer, flowServer } from '../support/code-flow.ts'

const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'
const OTHER_PASSWORD = 'another long and quiet walk'

let server: FlowServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
beforeAll(async () => {
  ;[server, browsers] = await Promise.all([flowServer(), startBrowser()])
})

async function logIn(page: Page, { username, password }: { username: string; password: string }) {
  await page.goto(`${server.url}/account`)
  await page.fill('[name=username]', username)
  await page.fill('[name=password]', password)
  await page.click('button')
}

/** Logs in with another browser, and waits for nothing: what is answered is its own page. */
async function elsewhere(fields: { username: string; password: string }) {
  const browser = server.browser()
  const page = await browser.submit(await browser.get('/account'), fields, { 'user-agent': FIREFOX })
  return {
    browser,
    page,
    isLoggedIn: async () => (await browser.get('/account')).text.includes('<h1>Your account</h1>'),
  }
}

const rows = (page: Page, heading: string) => page.locator(`section:has(h2:text-is("${heading}")) li`)

describe('a user at the account page', () => {
  test('sees where they are logged in, and ends one of the sessions', async () => {
    const { fields } = await server.user()
    const { page, faults } = await browsers.visit({ viewport: { width: 360, height: 800 } })
    await logIn(page, fields)
    const other = await elsewhere(fields)
    expect(await other.isLoggedIn()).toBe(true)
    await page.reload()
    const sessions = rows(page, 'Where you are logged in')
    expect(await sessions.count()).toBe(2)
    const [first, own] = await sessions.allTextContents()
    expect(first).toMatch(/Firefox on Windows\s*Login page · 127\.0\.0\.1/)
    expect(own).toMatch(/(?:Chrome|Firefox) on Linux \(this browser\)/)
    expect(await sessions.nth(1).locator('button').count()).toBe(0)
    await sessions.first().locator('button').click()
    expect(await page.textContent('[role=status]')).toMatch(/^The session has ended/)
    expect(await sessions.count()).toBe(1)
    expect(await other.isLoggedIn()).toBe(false)
    expect(faults).toEqual([])
  })

  test('logs out everywhere', async () => {
    const { fields } = await server.user()
    const { page } = await browsers.visit()
    await logIn(page, fields)
    const other = await elsewhere(fields)
    await page.click('text="Log out everywhere"')
    expect(await page.textContent('h1')).toBe('Logged out')
    expect(await other.isLoggedIn()).toBe(false)
    await page.goto(`${server.url}/account`)
    expect(await page.textContent('h1')).toBe('Log in')
  })

  test('withdraws what an application was allowed, whose session ends', async () => {
    const { browser, user, page } = await server.allow('spa')
    expect(page.location).toMatch(/[?&]code=/)
    const code = new URL(page.location ?? '').searchParams.get('code') ?? ''
    const visit = await browsers.visit()
    await logIn(visit.page, user.fields)
    const grants = rows(visit.page, 'Applications with access to your account')
    expect(await grants.first().textContent()).toMatch(/The spa/)
    await grants.first().locator('button').click()
    expect(await visit.page.textContent('[role=status]')).toMatch(/no longer has access to your account/)
    expect(await grants.count()).toBe(0)
    expect((await server.redeem('spa', code)).status).toBe(400)
    expect(isConsent(await browser.get(server.address('spa')))).toBe(true)
  })

  test('changes the password, which ends all other sessions and not this one', async () => {
    const { fields } = await server.user()
    const { page } = await browsers.visit()
    await logIn(page, fields)
    const other = await elsewhere(fields)
    // It is for password managers.
    expect(await page.inputValue('[name=username]')).toBe(fields.username)
    expect(await page.isVisible('[name=username]')).toBe(false)
    const change = async (password: string, next: string) => {
      await page.fill('[name=password]', password)
      await page.fill('[name=new_password]', next)
      await page.click('text="Change password"')
    }
    await change('wrong', OTHER_PASSWORD)
    expect(await page.textContent('[role=alert]')).toMatch(/password is wrong/i)
    await change(fields.password, 'short')
    expect(await page.textContent('[role=alert]')).toMatch(/at least/)
    expect(await other.isLoggedIn()).toBe(true)
    await change(fields.password, OTHER_PASSWORD)
    expect(await page.textContent('[role=status]')).toMatch(/^Your password has been changed/)
    expect(await other.isLoggedIn()).toBe(false)
    const visit = await browsers.visit()
    await logIn(visit.page, { ...fields, password: OTHER_PASSWORD })
    expect(await visit.page.textContent('h1')).toBe('Your account')
  })

  test('reads what happened lately in plain words, at the time of their own clock if scripts run', async () => {
    const { fields } = await server.user()
    const { page, faults } = await browsers.visit({
      javaScriptEnabled: true,
      locale: 'en-US',
      timezoneId: 'Asia/Kolkata',
    })
    await logIn(page, { ...fields, password: 'wrong' })
    expect(await page.textContent('[role=alert]')).toBeTruthy()
    await logIn(page, fields)
    await expect
      .poll(async () => {
        await page.reload()
        return (await rows(page, 'Recent activity').allTextContents()).join()
      })
      .toMatch(/You logged in from 127\.0\.0\.1\..*Someone at 127\.0\.0\.1 tried to log in with a wrong password\./s)
    const time = page.locator('time').first()
    const at = new Date((await time.getAttribute('datetime')) ?? '')
    const options = { timeZone: 'Asia/Kolkata', dateStyle: 'medium', timeStyle: 'short' } as const
    expect(await time.textContent()).toBe(at.toLocaleString('en-US', options))
    expect(faults.filter((fault) => !/status of 400/.test(fault))).toEqual([])
  })
})

test('without cookies, the login says so instead of showing the same form again', async () => {
  const { fields } = await server.user()
  const browser = server.browser()
  const form = await browser.get('/account')
  const posted = await browser.submit(form, fields)
  expect(posted.text).toContain('Your account')
  browser.cookies.clear()
  expect((await browser.get('/account?done=login')).text).toContain('allow cookies for this site')
})

describe('nothing is done for', () => {
  const ACTIONS = ['end', 'end_all', 'withdraw', 'password']

  test.each(ACTIONS)('a post of another page: %s', async (action) => {
    const { fields } = await server.user()
    const { browser, page, isLoggedIn } = await elsewhere(fields)
    const token = /name="form_token" value="([^"]*)"/.exec(page.text)?.[1] ?? ''
    const sid = /name="id" value="([^"]*)"/.exec(page.text)?.[1] ?? ''
    const body = { action, id: sid, password: fields.password, new_password: OTHER_PASSWORD }
    const before = [...browser.cookies]
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    const post = async (more: Record<string, string>, headers = {}) =>
      (await browser.post('/account', new URLSearchParams({ ...body, ...more }), headers)).status
    expect(await post({ form_token: token }, foreign)).toBe(403)
    // Without the token of this session's form, the page is shown again.
    expect(await post({})).toBe(303)
    const strangers = await elsewhere((await server.user()).fields)
    const other = /name="form_token" value="([^"]*)"/.exec(strangers.page.text)?.[1] ?? ''
    expect(await post({ form_token: other })).toBe(303)
    expect([...browser.cookies]).toEqual(before)
    expect(await isLoggedIn()).toBe(true)
    const again = await elsewhere(fields)
    expect(await again.isLoggedIn()).toBe(true)
  })

  test('the session or grant of another user, and for an action that nobody knows', async () => {
    const victim = await elsewhere((await server.user()).fields)
    const own = await elsewhere((await server.user()).fields)
    const sids = await server.database.family.findMany({ where: { clientId: 'heirloom:pages', revokedAt: null } })
    const token = /name="form_token" value="([^"]*)"/.exec(own.page.text)?.[1] ?? ''
    for (const action of ['end', 'withdraw', 'delete'])
      for (const id of [...sids.map(({ sid }) => sid), 'x', ''])
        if (action !== 'end' || !own.page.text.includes(id))
          await own.browser.post('/account', new URLSearchParams({ action, id, form_token: token }))
    expect(await victim.isLoggedIn()).toBe(true)
  })
})
