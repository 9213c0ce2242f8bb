import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type PageAnswer, answerOf, isConsent } from '../support/browser.ts'
import { FLOW_CLIENTS, type FlowServer, flowServer, redirectOf } from '../support/code-flow.ts'
import { codePoint } from '../support/code-point.ts'
import { PASSWORD } from '../support/server.ts'

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})

const isLogin = ({ status, text }: PageAnswer) => status === 200 && text.includes('name="password"')

/** A browser that is logged in, and has allowed `spa` and `native` all they ask for. */
async function visitor() {
  const { browser, user, page } = await server.allow('spa')
  expect(answerOf(page).parameters['code']).toBeDefined()
  await browser.submit(await browser.get(server.address('native')), { decision: 'allow' })
  return { browser, user }
}

describe('a request that is wrong', () => {
  test.each<[string, string, Record<string, string | undefined>]>([
    ['of nobody', 'nobody', { redirect_uri: 'https://spa.example/callback' }],
    ['with another redirect URI', 'spa', { redirect_uri: 'https://evil.example/' }],
    ['without a redirect URI', 'spa', { redirect_uri: undefined }],
  ])('%s is shown to the user, and redirected nowhere', async (_, client, changes) => {
    const { status, location, text, headers } = await server.browser().get(server.address(client, changes))
    expect([status, location]).toEqual([400, null])
    expect(headers.get('content-type')).toContain('text/html')
    expect(text).not.toContain('evil.example')
  })

  test.each<[string, Record<string, string | undefined>, string]>([
    ['without a challenge', { code_challenge: undefined }, 'invalid_request'],
    ['with the method plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['with an unknown scope', { scope: 'everything' }, 'invalid_scope'],
    ['with an unknown resource', { resource: 'https://unknown.example' }, 'invalid_target'],
    ['with another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['with the prompt none, of a new visitor', { prompt: 'none' }, 'login_required'],
  ])('%s is answered to the client, with its state and our issuer, before any login', async (_, changes, error) => {
    const answer = await server.browser().get(server.address('spa', changes))
    expect([answer.status, answerOf(answer)]).toEqual([
      303,
      {
        to: redirectOf('spa'),
        parameters: { error, error_description: expect.any(String), state: 'some state', iss: server.url },
      },
    ])
  })

  test('is answered without a 5xx and to no other address, whatever it is', async () => {
    const names = [
      'client_id',
      'redirect_uri',
      'response_type',
      'code_challenge',
      'code_challenge_method',
      'state',
      'scope',
      'resource',
      'prompt',
      'response_mode',
    ]
    const value = fc.oneof(
      fc.constantFrom(
        '',
        'spa',
        'none',
        '%',
        '%00',
        '%ff',
        '%E2%82',
        '+',
        'https%3A%2F%2Fevil.example',
        '%0d%0aset-cookie:x=y',
      ),
      fc.string({ unit: codePoint, maxLength: 12 }).map(encodeURIComponent),
    )
    const registered = new Set(FLOW_CLIENTS.flatMap(({ redirectUris }) => redirectUris))
    const mutation = fc.array(fc.tuple(fc.constantFrom(...names), value, fc.boolean()), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(mutation, async (mutations) => {
        let address = server.address('spa')
        for (const [name, sent, replaces] of mutations)
          address = replaces
            ? address.replace(new RegExp(`([?&]${name}=)[^&]*`), `$1${sent.replaceAll('$', '')}`)
            : `${address}&${name}=${sent}`
        const { status, location } = await server.browser().get(address)
        expect(status).toBeLessThan(500)
        if (location !== null) expect(registered).toContain(location.split('?')[0])
      }),
      { numRuns: 150 },
    )
  })

  test.each(['HEAD', 'PUT', 'DELETE'])('%s opens nothing', async (method) => {
    const { browser } = await visitor()
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join()
    const response = await fetch(server.url + server.address('spa'), {
      method,
      headers: { cookie },
      redirect: 'manual',
    })
    expect([response.status, response.headers.get('location')]).toEqual([405, null])
  })
})

describe('the login page', () => {
  test('refuses a wrong password as it refuses an unknown user, and keeps what was typed', async () => {
    const [browser, { username }] = [server.browser(), await server.user()]
    const login = await browser.get(server.address('spa'))
    const texts = []
    for (const name of [username, 'nobody-at-all']) {
      const { status, location, text } = await browser.submit(login, { username: name, password: 'wrong' })
      expect([status, location]).toEqual([400, null])
      expect(text).toContain(`value="${name}"`)
      texts.push(text.replaceAll(name, '').replaceAll(/value="[^"]*"/g, ''))
    }
    expect(texts[0]).toBe(texts[1])
    expect(browser.cookies.size).toBe(0)
  })

  test('escapes what it shows', async () => {
    const browser = server.browser()
    const login = await browser.get(`${server.address('spa')}&x="><script>`)
    const answer = await browser.submit(login, { username: '"><script>alert(1)</script>', password: 'wrong' })
    for (const { text } of [login, answer]) expect(text).not.toContain('<script')
  })

  test('is the beginning again for a user whose account was disabled', async () => {
    const { browser, user } = await visitor()
    await server.core.accounts.change(user.id, { disabledAt: new Date() })
    expect(isLogin(await browser.get(server.address('spa')))).toBe(true)
  })

  test('with prompt=login, asks for the password, and the token says when it was given', async () => {
    const { browser, user } = await visitor()
    const before = await server.core.clock.now()
    const login = await browser.get(server.address('spa', { prompt: 'login' }))
    expect(isLogin(login)).toBe(true)
    const code = answerOf(await browser.submit(login, user.fields)).parameters['code'] ?? ''
    const family = await server.stored(code)
    expect(family?.authTime).toBeGreaterThanOrEqual(before)
    // The session at the pages is the same one.
    const later = answerOf(await browser.get(server.address('spa'))).parameters['code'] ?? ''
    expect((await server.stored(later))?.parent).toBe(family?.parent)
  })

  test('of another user ends the session of the first, and what was opened from it in the browser', async () => {
    const { browser, user, code } = await server.allow('spa')
    await server.redeem('spa', code)
    const native = answerOf(await browser.submit(await browser.get(server.address('native')), { decision: 'allow' }))
    await server.redeem('native', native.parameters['code'] ?? '')
    const other = await server.user()
    const login = await browser.get(server.address('spa', { prompt: 'login' }))
    const consent = await browser.submit(login, other.fields)
    expect([isConsent(consent), consent.text.includes(other.username), consent.text.includes(user.username)]).toEqual([
      true,
      true,
      false,
    ])
    expect((await server.stored(code))?.revoked?.reason).toBe('logout')
    expect((await server.stored(native.parameters['code'] ?? ''))?.revoked).toBeNull()
  })
})

describe('a form', () => {
  const foreign: [string, Record<string, string>][] = [
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of a page that hides where it is', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['of a sibling host', { 'sec-fetch-site': 'same-site' }],
  ]
  test.each(foreign)('%s is refused, and nothing changes', async (_, headers) => {
    const { browser } = await visitor()
    const cookies = [...browser.cookies]
    const consent = await browser.get(server.address('native'))
    const answer = await browser.submit(consent, { decision: 'allow' }, headers)
    expect([answer.status, answer.location, answer.headers.get('content-type')]).toEqual([
      403,
      null,
      expect.stringContaining('text/html'),
    ])
    expect([...browser.cookies]).toEqual(cookies)
  })

  test.each<[string, (fields: URLSearchParams) => void]>([
    ['without its token', (fields) => fields.delete('form_token')],
    ['with a token that was changed', (fields) => fields.set('form_token', `${fields.get('form_token')}x`)],
    ['with the token of a login', (fields) => fields.set('decision', '')],
  ])('%s shows the page again', async (_, change) => {
    const { browser } = await visitor()
    const consent = await browser.get(server.address('native'))
    const token = /name="form_token" value="([^"]*)"/.exec(consent.text)?.[1] ?? ''
    const fields = new URLSearchParams({ form_token: token, decision: 'allow' })
    change(fields)
    const answer = await browser.post(server.address('native'), fields)
    expect([answer.status, answer.location]).toEqual([303, server.address('native')])
  })

  test('that was made for another user, request or browser gives nothing', async () => {
    const [one, other] = [await visitor(), await visitor()]
    const consent = await one.browser.get(server.address('native'))
    const token = /name="form_token" value="([^"]*)"/.exec(consent.text)?.[1] ?? ''
    const fields = new URLSearchParams({ form_token: token, decision: 'allow' })
    const posts = [
      other.browser.post(server.address('native'), fields),
      one.browser.post(server.address('native', { state: 'another' }), fields),
      one.browser.post(server.address('native', { scope: 'files:read' }), fields),
      // The parameter of the server's own, which no form has in its address.
      one.browser.post(`${server.address('native')}&heirloom_login=`, fields),
      server.browser().post(server.address('native'), fields),
    ]
    for (const { location } of await Promise.all(posts)) expect(location).toMatch(/^\/oauth2\/authorize/)
  })

  test('with JSON, or with a field twice, is a 400', async () => {
    const { browser } = await visitor()
    const headers = { origin: server.url, 'content-type': 'application/json' }
    const json = await fetch(server.url + server.address('spa'), { method: 'POST', headers, body: '{}' })
    const twice = await browser.post(
      server.address('spa'),
      new URLSearchParams([
        ['username', 'a'],
        ['username', 'b'],
      ]),
    )
    expect([json.status, twice.status]).toEqual([400, 400])
  })
})

test('a page runs no script, stands in no frame, and leads nowhere but back to us and to its client', async () => {
  const { headers } = await server.browser().get(server.address('spa'))
  expect(headers.get('content-security-policy')).toBe(
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' https://spa.example",
  )
  expect(headers.get('referrer-policy')).toBe('same-origin')
  const native = await server.browser().get(server.address('native', { redirect_uri: 'http://[::1]:4711/callback' }))
  expect(native.headers.get('content-security-policy')).toMatch(/form-action 'self' http:$/)
})

test('reading a page redeems nothing, and pressing a button does', async () => {
  const { browser } = await visitor()
  const before = [...browser.cookies]
  for (let i = 0; i < 3; i++) expect(isConsent(await browser.get(server.address('native')))).toBe(true)
  expect([...browser.cookies]).toEqual(before)
  const set = (
    await browser.submit(await browser.get(server.address('native')), { decision: 'allow' })
  ).headers.getSetCookie()
  expect(set).toEqual([expect.stringMatching(/^heirloom-pages=hrt_\S+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/)])
  expect([...browser.cookies]).not.toEqual(before)
})

test('a thief who presses with a stolen cookie of the pages is found out', async () => {
  const { browser } = await visitor()
  const thief = server.browser()
  for (const [name, value] of browser.cookies) thief.cookies.set(name, value)
  for (let i = 0; i < 2; i++) await browser.submit(await browser.get(server.address('native')), { decision: 'allow' })
  // The thief's cookie is two generations old by now.
  expect(isLogin(await thief.get(server.address('native')))).toBe(true)
})

test('with a password of other spelling, the login is the same as at /auth/login', async () => {
  const [browser, { username }] = [server.browser(), await server.user()]
  const answer = await browser.submit(await browser.get(server.address('own')), {
    username: username.toUpperCase(),
    password: PASSWORD,
  })
  expect(answerOf(answer).parameters['code']).toBeDefined()
})
