import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { type FlowServer, flowServer } from '../support/code-flow.ts'
import { startBrowser } from '../support/real-browser.ts'
import { PASSWORD } from '../support/server.ts'

const ANOTHER = 'another long and quiet walk'

let server: FlowServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
beforeAll(async () => {
  ;[server, browsers] = await Promise.all([flowServer(), startBrowser()])
})

/** Where the user logs in, and the heading of the page after that. */
const PLACES: [string, () => string, RegExp][] = [
  ['at an application', () => server.address('native'), /^Allow The native/],
  ['at the account page', () => '/account', /^Your account$/],
]

async function userWhoNeedsOne() {
  const { id, username } = await server.user()
  await server.database.user.update({ where: { id }, data: { passwordChangeRequired: true } })
  return username
}
const heading = (page: Page) => page.textContent('h1')
const focused = (page: Page) => page.evaluate('document.activeElement.name')

async function submit(page: Page, fields: Record<string, string>) {
  for (const [name, value] of Object.entries(fields)) await page.fill(`[name=${name}]`, value)
  await page.click('button')
  // The page after the login has no alert.
  return page.locator('[role=alert]').or(page.locator('h1')).last().textContent()
}

describe.each(PLACES)('a user who must choose a new password, %s', (_, address, next) => {
  test('is told why each attempt fails, and gets in with the new one only', async () => {
    const [{ page }, username] = [await browsers.visit(), await userWhoNeedsOne()]
    await page.goto(server.url + address())
    expect(await page.locator('[name=new_password]').count()).toBe(0)
    expect(await submit(page, { username, password: PASSWORD })).toMatch(/^You must change your password/)
    const attempts: [old: string, chosen: string, said: RegExp][] = [
      ['wrong', ANOTHER, /^The username or the password is wrong/],
      [PASSWORD, 'short', /at least/],
      [PASSWORD, PASSWORD, /must differ from the current one/],
    ]
    for (const [password, new_password, said] of attempts) {
      expect(await submit(page, { password, new_password })).toMatch(said)
      expect(await page.inputValue('[name=username]')).toBe(username)
      for (const name of ['password', 'new_password']) {
        expect(await page.inputValue(`[name=${name}]`)).toBe('')
        expect(await page.getAttribute(`[name=${name}]`, 'aria-describedby')).toBe('problem')
      }
    }
    await submit(page, { password: PASSWORD, new_password: ANOTHER })
    expect(await heading(page)).toMatch(next)

    const { page: elsewhere } = await browsers.visit()
    await elsewhere.goto(server.url + address())
    expect(await submit(elsewhere, { username, password: PASSWORD })).toMatch(/password is wrong/)
    await submit(elsewhere, { username, password: ANOTHER })
    expect(await heading(elsewhere)).toMatch(next)
  })

  test('needs no mouse', async () => {
    const [{ page }, username] = [await browsers.visit(), await userWhoNeedsOne()]
    const { keyboard } = page
    await page.goto(server.url + address())
    await expect.poll(() => focused(page)).toBe('username')
    await keyboard.type(username)
    await keyboard.press('Tab')
    await keyboard.type(PASSWORD)
    await keyboard.press('Enter')
    await page.waitForSelector('[name=new_password]')
    await expect.poll(() => focused(page)).toBe('password')
    await keyboard.type(PASSWORD)
    await keyboard.press('Tab')
    expect(await focused(page)).toBe('new_password')
    await keyboard.type(ANOTHER)
    await keyboard.press('Enter')
    await expect.poll(() => heading(page)).toMatch(next)
  })
})
