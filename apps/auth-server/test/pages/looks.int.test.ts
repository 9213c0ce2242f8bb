import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { startBrowser } from '../support/real-browser.ts'
import { PASSWORD } from '../support/server.ts'
import { type FlowServer, flowServer } from '../support/code-flow.ts'

const NAME = 'The Archive & <Library>'
const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const USERNAME = 'wilhelmina.von.hohenzollern-sigmaringen.archive@example.town'

let server: FlowServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
let fields: { username: string; password: string }
beforeAll(async () => {
  ;[server, browsers] = await Promise.all([
    flowServer({ PAGES_NAME: NAME, PAGES_COLOR: '#FFD500', LOGIN_ATTEMPTS_PER_ACCOUNT: '3' }),
    startBrowser(),
  ])
  ;({ fields } = await server.user(['user'], USERNAME))
})

async function logIn(page: Page, { username, password } = fields) {
  await page.fill('[name=username]', username)
  await page.fill('[name=password]', password)
  await page.click('button')
}

/** What is a page's heading, and how a browser gets there. */
const PAGES: Record<string, [heading: RegExp, open: (page: Page) => Promise<unknown>]> = {
  'the login page': [/^Log in$/, (page) => page.goto(server.url + server.address('long'))],
  'the login page after a wrong password': [
    /^Log in$/,
    async (page) => {
      await open('the login page', page)
      await logIn(page, { username: 'x'.repeat(60), password: 'wrong' })
      await page.waitForSelector('[role=alert]')
    },
  ],
  'the login page that asks for a new password': [
    /^Log in$/,
    async (page) => {
      const { id, username } = await server.user()
      await server.database.user.update({ where: { id }, data: { passwordChangeRequired: true } })
      await open('the login page', page)
      await logIn(page, { username, password: PASSWORD })
      await page.waitForSelector('[name=new_password]')
    },
  ],
  'the consent page': [
    /^Allow Notes of the Royal Society/,
    async (page) => {
      await open('the login page', page)
      await logIn(page)
      await page.waitForSelector('[name=decision]')
    },
  ],
  'the login page of the account': [/^Log in$/, (page) => page.goto(`${server.url}/account`)],
  'the account': [
    /^Your account$/,
    async (page) => {
      await open('the consent page', page)
      await page.goto(`${server.url}/account`)
    },
  ],
  'the account after a wrong password': [
    /^Your account$/,
    async (page) => {
      await open('the account', page)
      await page.fill('[name=password]', 'wrong')
      await page.fill('[name=new_password]', 'another long and quiet walk')
      await page.click('text="Change password"')
      await page.waitForSelector('[role=alert]')
    },
  ],
  'the page for logging out': [
    /^Log out\?$/,
    async (page) => {
      await open('the consent page', page)
      await page.goto(`${server.url}/logout`)
    },
  ],
  'the page after that': [
    /^Logged out$/,
    async (page) => {
      await open('the page for logging out', page)
      await page.click('button')
    },
  ],
  'the page of an error': [
    /^This link does not work$/,
    (page) => page.goto(`${server.url}/oauth2/authorize?client_id=nobody`),
  ],
}
const open = (name: string, page: Page) => PAGES[name]?.[1](page)

describe.each(Object.entries(PAGES).map(([name, [heading]]) => [name, heading] as const))('%s', (name, heading) => {
  test.each(['light', 'dark'] as const)('can be read and used by everyone, in %s colors', async (colorScheme) => {
    const viewport = { width: 320, height: 640 }
    const { page, faults } = await browsers.visit({ colorScheme, viewport, javaScriptEnabled: true })
    await open(name, page)
    expect(await page.textContent('h1')).toMatch(heading)
    // Axe is no script of the page, so no policy of the page stops it. But it needs timers, which need script.
    const results = (await page.evaluate(`${AXE};axe.run()`)) as AxeResults
    expect(results.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
    // What axe could not decide, such as text over a picture.
    expect(results.incomplete.map(({ id }) => id)).toEqual([])
    expect(results.passes.map(({ id }) => id)).toEqual(expect.arrayContaining(['color-contrast', 'document-title']))

    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
    const counted = await page.evaluate(`['h1', 'main', 'script', 'style', '[style]', 'form ~ form', '[lang=en]'].map(
      (selector) => document.querySelectorAll(selector).length)`)
    const isAccount = page.url().includes('/account') && !/Log in/.test(String(await page.textContent('h1')))
    expect(counted).toEqual([1, 1, isAccount ? 1 : 0, 0, 0, 0, 1])
    expect(await page.title()).toMatch(/ · The Archive & <Library>$/)
    // Black on yellow, in both.
    expect(await page.evaluate(`getComputedStyle(document.documentElement).getPropertyValue('--on-own')`)).toBe(
      '#000000',
    )
    expect(faults.filter((fault) => !/status of 400/.test(fault))).toEqual([])
  })
})

test('the stylesheet is fetched once, and a server with another one does not spoil it', async () => {
  const { text } = await server.browser().get(server.address('long'))
  const [, path = ''] = /<link rel="stylesheet" href="([^"]*)"/.exec(text) ?? []
  const caching = async (asked: string) => {
    const { status, headers } = await server.browser().get(asked)
    return [status, headers.get('content-type'), headers.get('cache-control')]
  }
  const css = 'text/css; charset=utf-8'
  expect(await caching(path)).toEqual([200, css, 'public, max-age=31536000, immutable'])
  expect(await caching('/pages/style.css?v=of-another')).toEqual([200, css, 'no-cache'])
})
