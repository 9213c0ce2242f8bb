import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from '@heirloom/local-stack/browser'
import { type Stack, USER } from '../src/stack.ts'
import { testStack } from './test-stack.ts'

const example = (name: string) =>
  fileURLToPath(new URL(`../../../packages/client/examples/browser/${name}`, import.meta.url))

let stack: Stack
let browser: Browser
let context: BrowserContext
beforeAll(async () => {
  stack = await testStack()
  browser = await launchBrowser()
  afterAll(() => browser.close())
})
beforeEach(async () => void (context = await browser.newContext()))
afterEach(() => context.close())

/** Serves an example as its reader would, with the address of this auth server. */
const here = (text: string) => text.replaceAll('https://auth.example', stack.network.url)
const serve = (path: string, content: string) =>
  stack.site.files.set(path, { type: 'text/html', content: here(content) })

async function bundled(name: string): Promise<string> {
  // A bundler resolves the package as that of any other application.
  const bundle = await rolldown({
    input: example(name),
    platform: 'browser',
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  })
  const { output } = await bundle.generate({ format: 'esm' })
  await bundle.close()
  return `<!doctype html><title>Reports</title><body></body><script type="module">${output[0].code.replaceAll('</script', String.raw`<\/script`)}</script>`
}

async function logIn(page: Page) {
  await page.fill('[name=username]', USER.username)
  await page.fill('[name=password]', USER.password)
  await page.click('button:has-text("Log in")')
}
const isIn = async (page: Page) => {
  await expect.poll(() => page.locator('output').textContent()).toMatch(/\S{8}/)
}

describe.each(['plain.html', 'react.jsx', 'vue.js'])('%s', (name) => {
  beforeAll(async () => {
    serve('/', name === 'plain.html' ? readFileSync(example(name), 'utf8') : await bundled(name))
  })
  const open = async () => {
    const page = await context.newPage()
    await page.goto(stack.site.origin)
    return page
  }

  it('logs in, stays logged in when it is loaded again, and follows the logout of another tab', async () => {
    const page = await open()
    await logIn(page)
    await isIn(page)
    await page.reload()
    await isIn(page)
    const other = await open()
    await isIn(other)
    await page.click('button:has-text("Log out")')
    for (const tab of [page, other]) await tab.waitForSelector('[name=username]', { state: 'visible' })
  })

  it('shows what went wrong, and no login form, if the auth server is away', async () => {
    const first = await open()
    await logIn(first)
    await isIn(first)
    await first.close()
    stack.network.isCut = true
    const page = await open()
    await expect.poll(() => page.textContent('[role=alert]'), { timeout: 60_000 }).toContain('unavailable')
    expect(await page.locator('[name=username]').filter({ visible: true }).count()).toBe(0)
    stack.network.isCut = false
    await page.reload()
    await isIn(page)
  })

  it('says that a password is wrong', async () => {
    const page = await open()
    await page.fill('[name=username]', USER.username)
    await page.fill('[name=password]', 'not my password')
    await page.click('button:has-text("Log in")')
    await expect.poll(() => page.textContent('[role=alert]')).toBe('The user name or the password is wrong.')
  })
})

describe('code-flow.html', () => {
  /** `own` is first-party. Users are asked about `notes`, each time, since it returns to this machine (RFC 8252, section 8.6). */
  const open = async (clientId: 'own' | 'notes') => {
    const path = `/${clientId}`
    serve(path, readFileSync(example('code-flow.html'), 'utf8').replace(`clientId: 'notes'`, `clientId: '${clientId}'`))
    const page = await context.newPage()
    await page.goto(`${stack.site.foreignOrigin}${path}?list=2`)
    await page.waitForSelector('#login', { state: 'visible' })
    return page
  }

  it('logs in at the auth server, comes back to its address, and needs no password when it is loaded again', async () => {
    const page = await open('own')
    await page.click('#login')
    await logIn(page)
    await isIn(page)
    const address = `${stack.site.foreignOrigin}/own?list=2`
    expect(page.url()).toBe(address)
    await page.reload()
    await isIn(page)
    expect(page.url()).toBe(address)
    expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')).not.toMatch(/hrt_|eyJ/)
    await page.click('section button')
    await page.waitForURL(`${stack.network.url}/logout`)
    await page.click('button')
    await page.waitForLoadState()
    await page.goto(address)
    await page.waitForSelector('#login', { state: 'visible' })
  })

  it('two tabs log in at once, and the back button leads to no error', async () => {
    const [a, b] = [await open('own'), await open('own')]
    await a.click('#login')
    await b.click('#login')
    await a.waitForSelector('[name=username]')
    await b.waitForSelector('[name=username]')
    await logIn(a)
    await isIn(a)
    await logIn(b)
    await isIn(b)
    await a.goBack()
    // The page from before the login, or the one of the login, which leads on.
    if (a.url().startsWith(stack.network.url)) await logIn(a)
    await isIn(a)
    expect(await a.textContent('[role=alert]')).toBe('')
  })

  it('a user who does not allow it is not asked again and again', async () => {
    const page = await open('notes')
    await page.click('#login')
    await logIn(page)
    await page.click('text="Do not allow"')
    await expect.poll(() => page.textContent('[role=alert]')).toContain('access_denied')
    expect(page.url()).toBe(`${stack.site.foreignOrigin}/notes?list=2`)
    await page.click('#login')
    await page.click('text="Allow"')
    await isIn(page)
  })
})
