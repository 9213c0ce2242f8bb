import { freePort } from '@heirloom/local-stack'
import type { BrowserContext, Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { register } from '../../src/services/accounts/register.ts'
import { pkce } from '../support/browser.ts'
import { startBrowser } from '../support/real-browser.ts'
import { type RealmServer, realmServer } from '../support/realm-server.ts'
import { aClient, aRealm } from '../support/realm.ts'
import { PASSWORD } from '../support/server.ts'
import { startTlsSites } from '../support/tls-sites.ts'

/** Text that becomes an element, or leaves its attribute, wherever it is not escaped. */
const HOSTILE = `"'><img src=x onerror=hit=1><script>hit=1</script>&lt;`
const COOKIE = '__Host-heirloom-pages'
const [PAGES, SIBLING, ATTACKER] = ['auth.example.test', 'blog.example.test', 'attacker.test']

let port: number
let server: RealmServer
let browsers: Awaited<ReturnType<typeof startBrowser>>
beforeAll(async () => {
  port = await freePort()
  const realm = aRealm(
    aClient(),
    aClient({
      id: 'hostile',
      name: HOSTILE,
      firstParty: false,
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: ['http://127.0.0.1:9/callback'],
      resources: ['files'],
      scopes: ['read'],
    }),
  )
  const [files, mail] = realm.resources
  if (!files || !mail) throw new Error('a realm without resources')
  const resources = [{ ...files, name: HOSTILE, scopes: { ...files.scopes, read: HOSTILE } }, mail]
  server = await realmServer({ ...realm, resources }, { ISSUER: at(PAGES), PAGES_NAME: HOSTILE })
  startTlsSites(port, server.url)
  browsers = await startBrowser([PAGES, SIBLING, ATTACKER])
})

const at = (host: string, path = '') => `https://${host}:${port}${path}`
const visit = () => browsers.visit({ javaScriptEnabled: true, ignoreHTTPSErrors: true })

let users = 0
async function newUser() {
  const fields = { username: `user-${++users}`, password: PASSWORD }
  const added = await register(server.core, { ...fields, roles: ['reader'] })
  if (!added.ok) throw new Error(added.description)
  return fields
}
async function logIn(page: Page, fields: { username: string; password: string }, path = '/account') {
  await page.goto(at(PAGES, path))
  await page.fill('[name=username]', fields.username)
  await page.fill('[name=password]', fields.password)
  await page.click('button')
}
const authorize = (more: Record<string, string> = {}) =>
  `/oauth2/authorize?${new URLSearchParams({
    client_id: 'hostile',
    redirect_uri: 'http://127.0.0.1:9/callback',
    response_type: 'code',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    state: HOSTILE,
    ...more,
  }).toString()}`
const cookiesOf = async (context: BrowserContext) =>
  (await context.cookies(at(PAGES))).filter(({ name }) => name.startsWith('__Host-'))
const whoIsIn = async (page: Page) => (await page.textContent('main strong, dd bdi')) ?? ''

describe('what somebody else has planted in a browser', () => {
  test('is no cookie of the pages: they are bound to their host and to https, and out of the reach of scripts', async () => {
    const { context, page } = await visit()
    await logIn(page, await newUser())
    await page.waitForSelector('h1:text-is("Your account")')
    const [cookie, ...more] = await cookiesOf(context)
    expect(more).toEqual([])
    expect(cookie).toMatchObject({ name: COOKIE, path: '/', httpOnly: true, secure: true, sameSite: 'Lax' })
    // No leading dot: it has no Domain.
    expect(cookie?.domain).toBe(PAGES)
    expect(await page.evaluate('document.cookie')).toBe('')
  })

  test.each([COOKIE, '__Host-Http-heirloom-web'])('by a page of the same site is not taken: %s', async (name) => {
    const { context, page } = await visit()
    await page.goto(at(SIBLING))
    for (const attributes of ['', '; Path=/', '; Path=/account', '; Path=/; Secure', '; Path=/; Secure; SameSite=None'])
      for (const domain of ['', `; Domain=${PAGES}`, '; Domain=example.test'])
        await page.evaluate(`document.cookie = ${JSON.stringify(`${name}=planted${attributes}${domain}`)}`)
    expect(await cookiesOf(context)).toEqual([])
  })

  test('a session of the attacker: anyone who logs in gets one of their own, and the attacker is left without one', async () => {
    const [attacker, victim] = [await visit(), await visit()]
    const theirs = await newUser()
    await logIn(attacker.page, theirs)
    await attacker.page.waitForSelector('h1:text-is("Your account")')
    const planted = await cookiesOf(attacker.context)
    await victim.context.addCookies(planted)
    await victim.page.goto(at(PAGES, '/account'))
    // The page says whose it is.
    expect(await whoIsIn(victim.page)).toBe(theirs.username)

    const own = await newUser()
    await logIn(victim.page, own, authorize({ prompt: 'login' }))
    await victim.page.waitForSelector('[name=decision]')
    expect(await victim.page.textContent('dl')).toContain(own.username)
    expect((await cookiesOf(victim.context))[0]?.value).not.toBe(planted[0]?.value)
    await attacker.page.goto(at(PAGES, '/account'))
    expect(await attacker.page.textContent('h1')).toBe('Log in')
  })

  test.each([
    ['of another site', ATTACKER],
    ['of the same site', SIBLING],
  ])('a login by a page %s, with the form and the password of the attacker, is refused', async (_, host) => {
    const attacker = await visit()
    for (const path of ['/account', authorize()]) {
      await attacker.page.goto(at(PAGES, path))
      const token = await attacker.page.getAttribute('[name=form_token]', 'value')
      const { context, page } = await visit()
      await page.goto(at(host))
      const fields = { ...(await newUser()), form_token: token ?? '' }
      await page.evaluate(`(() => {
        const form = Object.assign(document.createElement('form'), { method: 'post', action: ${JSON.stringify(at(PAGES, path))} })
        for (const [name, value] of Object.entries(${JSON.stringify(fields)}))
          form.append(Object.assign(document.createElement('input'), { name, value }))
        document.body.append(form)
        form.submit()
      })()`)
      await page.waitForURL(at(PAGES, '/**'))
      expect(await page.textContent('main')).toMatch(/came from another site, so it was ignored/)
      expect(await cookiesOf(context)).toEqual([])
    }
  })
})

describe('text that would be an element, if a page did not escape it', () => {
  const shown = async (page: Page) => {
    const elements = 'img, svg, iframe, object, style, b, script:not([src])'
    expect(await page.evaluate(`[document.querySelectorAll('${elements}').length, typeof hit]`)).toEqual([
      0,
      'undefined',
    ])
    expect(await page.textContent('header')).toBe(HOSTILE)
    return (await page.textContent('main')) ?? ''
  }

  test('is text: the names of client, resource and installation, the words of a scope, a username and a state', async () => {
    const { page } = await visit()
    await logIn(page, { username: HOSTILE, password: 'wrong' }, authorize())
    await page.waitForSelector('[role=alert]')
    expect(await shown(page)).toContain(HOSTILE)
    expect(await page.inputValue('[name=username]')).toBe(HOSTILE)

    await logIn(page, await newUser(), authorize())
    await page.waitForSelector('[name=decision]')
    const asked = await shown(page)
    // The client in the heading and twice below it, the resource, and the scope.
    expect(asked.split(HOSTILE).length - 1).toBe(5)
    expect(await page.title()).toContain(HOSTILE)
  })

  test('is text at the account: the device of a session, and the client', async () => {
    const { page } = await browsers.visit({ javaScriptEnabled: true, ignoreHTTPSErrors: true, userAgent: HOSTILE })
    const fields = await newUser()
    await logIn(page, { ...fields, password: 'wrong' })
    await page.waitForSelector('[role=alert]')
    await logIn(page, fields)
    await page.waitForSelector('h1:text-is("Your account")')
    await shown(page)
  })

  test.each(['client_id', 'redirect_uri', 'scope', 'resource', 'prompt', 'response_type'])(
    'is text in an error: %s',
    async (parameter) => {
      const { page } = await visit()
      await page.goto(at(PAGES, authorize({ [parameter]: HOSTILE }))).catch(() => null)
      if (page.url().startsWith(at(PAGES))) await shown(page)
      // What is wrong with the rest is told to the application.
      else expect(page.url()).toMatch(/^(?:http:\/\/127\.0\.0\.1:9\/callback|chrome-error:|about:)/)
    },
  )
})
