import { freePort } from '@heirloom/local-stack'
import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { register } from '../../src/services/accounts/register.ts'
import { startBrowser } from '../support/real-browser.ts'
import { FOREIGN_REQUESTS, HELPERS } from '../support/foreign-requests.ts'
import { type RealmServer, realmServer } from '../support/realm-server.ts'
import { aClient, aRealm } from '../support/realm.ts'
import { PASSWORD } from '../support/server.ts'
import { startTlsSites } from '../support/tls-sites.ts'

let server: RealmServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
let port: number
/** Requests that are on their way to the auth server, and how many have come with the cookie. */
let [underway, withCookie] = [0, 0]
const addressOf = (host: string) => `https://${host}.test:${port}`

beforeAll(async () => {
  port = await freePort()
  const web = aClient({ origins: [addressOf('app.example')] })
  server = await realmServer(aRealm(web), { ISSUER: addressOf('auth.example') })
  startTlsSites(port, server.url, {
    begins({ url, headers }) {
      underway++
      // A page of the auth server's own may have its icon, with the cookie.
      if (url !== '/favicon.ico' && headers.cookie?.includes('__Host-Http-heirloom-web=')) withCookie++
    },
    ends: () => void underway--,
  })
  browsers = await startBrowser(['auth', 'app', 'blog'].map((name) => `${name}.example.test`).concat('attacker.test'))
})

let users = 0
async function newUser() {
  const username = `user-${++users}`
  const added = await register(server.core, { username, password: PASSWORD, roles: ['reader'] })
  if (!added.ok) throw new Error(added.description)
  return { username, password: PASSWORD }
}

/** What a page calls, as its own code would. */
const call = (page: Page, path: string, body: object): Promise<{ status: number; text: string; headers: string[] }> =>
  page.evaluate(
    async ([url, text]) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(url, { method: 'POST', body: text, headers, credentials: 'include' })
      return { status: answer.status, text: await answer.text(), headers: [...answer.headers].flat() }
    },
    [addressOf('auth.example') + path, JSON.stringify(body)] as const,
  )

/** A browser whose user has logged in at the application. */
async function loggedIn() {
  const { context } = await browsers.visit({ javaScriptEnabled: true, ignoreHTTPSErrors: true })
  const page = await context.newPage()
  await page.goto(addressOf('app.example'))
  const { status, text } = await call(page, '/auth/login', { ...(await newUser()), delivery: 'cookie' })
  expect(status).toBe(200)
  return { context, page, answer: text }
}

const cookieIn = async (context: BrowserContext) => {
  const cookies = await context.cookies(addressOf('auth.example'))
  return cookies.find(({ name }) => name === '__Host-Http-heirloom-web')?.value ?? ''
}
const stateOf = async (token: string) => {
  const parsed = server.core.refreshTokens.parse(token)
  return parsed && (await server.core.families.load(parsed.family))?.family
}

/** Whatever a script of the page could look into. */
const EVERYTHING_READABLE = `(async () => [
  document.cookie,
  JSON.stringify(await cookieStore.getAll()),
  JSON.stringify([performance.getEntries(), history.state, window.name, localStorage, sessionStorage]),
  document.documentElement.outerHTML,
].join('\\n'))()`

test('the page of the application stays logged in, logs out, and no script on it can read the refresh token', async () => {
  const { context, page, answer } = await loggedIn()
  const tokens = [await cookieIn(context)]
  const answers = [answer]
  for (let i = 0; i < 3; i++) {
    const { status, text, headers } = await call(page, '/auth/refresh', {})
    expect(status).toBe(200)
    answers.push(text, ...headers)
    tokens.push(await cookieIn(context))
  }
  expect(new Set(tokens).size).toBe(4)
  const readable: string = await page.evaluate(EVERYTHING_READABLE)
  for (const token of tokens) expect([readable, ...answers].join('\n')).not.toContain(token)
  // Also where the cookie is: on a page of the auth server itself.
  const own = await context.newPage()
  await own.goto(`${addressOf('auth.example')}/docs`)
  expect(await own.evaluate('document.cookie')).toBe('')

  expect((await call(page, '/auth/logout', {})).status).toBe(204)
  expect(await cookieIn(context)).toBe('')
})

describe.each([
  ['of another site', 'attacker', false],
  ['of the same site', 'blog.example', true],
])('a foreign page %s', (_, host, isSentCookie) => {
  test('cannot refresh, log in, log out or read anything, in any of many ways', async () => {
    const { context, page } = await loggedIn()
    const token = await cookieIn(context)
    const attacker = await newUser()
    const [before, events] = [await stateOf(token), server.events.length]
    withCookie = 0
    const foreign = await context.newPage()
    await foreign.goto(addressOf(host))
    const targets = [
      ['/auth/refresh', {}],
      ['/auth/logout', {}],
      ['/auth/login', { ...attacker, delivery: 'cookie', client_id: 'web' }],
    ] as const
    const shapes = Object.entries(FOREIGN_REQUESTS)
    expect(shapes.length).toBeGreaterThanOrEqual(40)
    for (const [name, shape] of shapes) {
      const asked = targets.map(([path, body]) => [addressOf('auth.example') + path, JSON.stringify(body)])
      const all = `${JSON.stringify(asked)}.map(([url, body]) => { ${HELPERS}; return within(${shape}) })`
      expect([name, await foreign.evaluate(`Promise.all(${all})`)]).toEqual([name, [null, null, null]])
    }
    await expect.poll(() => underway).toBe(0)
    // Another site is kept away by the browser, and another page of the same site by the server.
    expect(withCookie > shapes.length).toBe(isSentCookie)
    if (!isSentCookie) expect(withCookie).toBe(0)
    expect(server.events.slice(events)).toEqual([])
    expect([await cookieIn(context), await stateOf(token)]).toEqual([token, before])
    // The user notices nothing.
    expect((await call(page, '/auth/refresh', {})).status).toBe(200)
  }, 240_000)
})
