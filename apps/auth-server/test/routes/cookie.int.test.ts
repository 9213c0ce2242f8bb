import { beforeAll, describe, expect, test } from 'vitest'
import { cookieName } from '../../src/rules/cookie-page.ts'
import { register } from '../../src/services/accounts/register.ts'
import { cookieOf } from '../support/by-cookie.ts'
import { type RealmServer, realmServer } from '../support/realm-server.ts'
import { aClient, aRealm, SETTINGS_ALONE } from '../support/realm.ts'
import { PASSWORD } from '../support/server.ts'

const APP = 'https://app.example'
const DESK = 'https://desk.example'
const NOTES = 'https://notes.example'
const FOREIGN = 'https://foreign.example'
/** An id of a client that no cookie could have as its name. */
const ODD = 'desk:(a;b=c)@"d"'
const CLIENTS = [
  aClient({ origins: [APP] }),
  aClient({ id: ODD, origins: [DESK], policy: { ...SETTINGS_ALONE, refreshAbsoluteTtlSeconds: 5_000 } }),
  aClient({ id: 'notes', origins: [NOTES], grants: ['authorization_code', 'refresh_token'], firstParty: false }),
]

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(aRealm(...CLIENTS))
})

interface Page {
  origin?: string | null
  site?: string | null
  type?: string | null
  cookie?: string
}

/** Sends what a page of the client `web` would, unless the test says otherwise. Null leaves a header out. */
const send = (
  path: string,
  body: unknown,
  { origin = APP, site = 'same-site', type = 'application/json', cookie }: Page = {},
) =>
  server.send(path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {
      ...(origin !== null && { origin }),
      ...(site !== null && { 'sec-fetch-site': site }),
      // Without one, `fetch` would add its own.
      'content-type': type ?? '',
      ...(cookie !== undefined && { cookie }),
    },
  })

let users = 0
async function newUser() {
  const username = `page-user-${++users}`
  const added = await register(server.core, { username, password: PASSWORD, roles: ['reader'] })
  if (!added.ok) throw new Error(added.description)
  return { username, password: PASSWORD }
}
async function login(page: Page = {}, clientId = 'web') {
  const user = await newUser()
  const { status, headers, body } = await send('/auth/login', { ...user, delivery: 'cookie' }, page)
  const token = cookieOf(headers, encodeURIComponent(clientId).replace('(', '%28').replace(')', '%29')) ?? ''
  const cookie = `${cookieName(clientId)}=${token}`
  return { status, body, headers, token, cookie, username: user.username }
}
const stateOf = async (token: string) => {
  const parsed = server.core.refreshTokens.parse(token)
  return parsed && (await server.core.families.load(parsed.family))?.family
}

describe('a login from a page', () => {
  test('keeps the refresh token from scripts, until the session ends', async () => {
    const { status, body, headers, token } = await login()
    expect([status, Object.keys(body).toSorted()]).toEqual([
      200,
      ['access_token', 'expires_in', 'refresh_token_expires_in', 'scope', 'session_id', 'token_type'],
    ])
    expect(headers.getSetCookie()).toEqual([
      `__Host-Http-heirloom-web=${token}; Max-Age=432000; Path=/; HttpOnly; Secure; SameSite=Strict`,
    ])
    expect(token).toMatch(/^hrt_[\w-]{72}$/)
    expect(body.refresh_token_expires_in).toBe(432_000)
  })

  test('belongs to the client of the origin, whatever its id, and the cookie lives as long as that client’s sessions', async () => {
    const { body, headers, cookie } = await login({ origin: DESK }, ODD)
    expect(headers.getSetCookie()[0]).toMatch(
      /^__Host-Http-heirloom-desk%3A%28a%3Bb%3Dc%29%40%22d%22=hrt_.*; Max-Age=5000;/,
    )
    const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1], 'base64url').toString())
    expect(claims.client_id).toBe(ODD)
    expect((await send('/auth/refresh', {}, { origin: DESK, cookie })).status).toBe(200)
  })

  test('answers the token in the body, as ever, if it does not ask for the cookie', async () => {
    for (const more of [{}, { delivery: 'body' }]) {
      const { body, headers } = await send('/auth/login', { ...(await newUser()), ...more })
      expect([typeof body.refresh_token, headers.getSetCookie()]).toEqual(['string', []])
    }
    const { status } = await send('/auth/login', { ...(await newUser()), delivery: 'cookies' })
    expect(status).toBe(400)
  })

  test('of the server’s own origin names its client', async () => {
    const own = { origin: server.url, site: 'same-origin' }
    const fields = { ...(await newUser()), delivery: 'cookie' }
    expect((await send('/auth/login', fields, own)).status).toBe(403)
    const { status, headers } = await send('/auth/login', { ...fields, client_id: 'web' }, own)
    const cookie = `__Host-Http-heirloom-web=${cookieOf(headers, 'web')}`
    expect(status).toBe(200)
    expect((await send('/auth/refresh', {}, { ...own, cookie })).status).toBe(403)
    expect((await send('/auth/refresh', { client_id: 'web' }, { ...own, cookie })).status).toBe(200)
    expect((await send('/auth/logout', { client_id: 'web' }, { ...own, cookie })).status).toBe(204)
  })
})

describe('a refresh from a page', () => {
  test('hands down the next token in the cookie; asked again, because the answer was lost, it is the same', async () => {
    const { cookie, body: first } = await login()
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('/auth/refresh', {}, { cookie })))
    expect(new Set(answers.map(({ headers }) => cookieOf(headers, 'web'))).size).toBe(1)
    for (const { status, body } of answers) {
      expect([status, body.refresh_token, body.session_id]).toEqual([200, undefined, first.session_id])
    }
    const next = cookieOf(answers[0]?.headers ?? new Headers(), 'web')
    expect((await send('/auth/refresh', {}, { cookie: `__Host-Http-heirloom-web=${next}` })).status).toBe(200)
  })

  test('without the cookie is 400, as a body without a token is', async () => {
    for (const cookie of [undefined, 'other=1', '__Host-Http-other-web=x']) {
      for (const path of ['/auth/refresh', '/auth/logout']) {
        const { status, body, headers } = await send(
          path,
          {},
          { origin: FOREIGN, ...(cookie !== undefined && { cookie }) },
        )
        expect([status, body.error, headers.getSetCookie()]).toEqual([400, 'invalid_request', []])
      }
    }
  })

  test('with a token in the body does not look at the cookie', async () => {
    const [inCookie, { body: other }] = [await login(), await send('/auth/login', await newUser())]
    const sent = { refresh_token: other.refresh_token }
    const page = { origin: FOREIGN, site: 'cross-site', cookie: inCookie.cookie }
    const { status, body, headers } = await send('/auth/refresh', sent, page)
    expect([status, body.session_id, headers.getSetCookie()]).toEqual([200, other.session_id, []])
    expect((await send('/auth/logout', sent, page)).headers.getSetCookie()).toEqual([])
    expect(await stateOf(inCookie.token)).toMatchObject({ redeemed: 0, revoked: null })
  })

  test('of a session that is over leaves the cookie, since the browser may have a newer one by now', async () => {
    const { cookie } = await login()
    await send('/auth/logout', {}, { cookie })
    const { status, body, headers } = await send('/auth/refresh', {}, { cookie })
    expect([status, body.error, headers.getSetCookie()]).toEqual([400, 'invalid_grant', []])
  })

  test('of a client that was disabled is told so', async () => {
    const { cookie } = await login()
    server.setClients([{ ...aClient({ origins: [APP] }), disabled: true }])
    const { status, body } = await send('/auth/refresh', {}, { cookie })
    server.setClients(CLIENTS)
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
  })
})

describe('a logout from a page', () => {
  const GONE =
    '__Host-Http-heirloom-web=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict'

  test('ends the session and clears the cookie, also when it is sent again', async () => {
    const { cookie, token } = await login()
    for (let i = 0; i < 2; i++) {
      const { status, headers } = await send('/auth/logout', {}, { cookie })
      expect([status, headers.getSetCookie()]).toEqual([204, [GONE]])
    }
    expect((await stateOf(token))?.revoked).toMatchObject({ reason: 'logout' })
  })

  test.each(['', 'nonsense', '"', '%', `hrt_${'A'.repeat(72)}`])('clears a broken cookie: %j', async (value) => {
    const { status, headers } = await send('/auth/logout', {}, { cookie: `__Host-Http-heirloom-web=${value}` })
    expect([status, headers.getSetCookie()]).toEqual([204, [GONE]])
  })
})

describe('what is no page of the client', () => {
  const ORIGINS = [null, 'null', FOREIGN, NOTES, DESK, 'http://app.example', `${APP}.evil.example`]
  const SITES = [null, 'cross-site', 'none', 'same-origin, cross-site']
  const TYPES = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'text/json',
    '',
    'application/jsonx',
  ]
  const pages: Page[] = [
    ...ORIGINS.flatMap((origin) => ['same-origin', 'same-site', ...SITES].map((site) => ({ origin, site }))),
    ...SITES.map((site) => ({ site })),
    ...TYPES.flatMap((type) => [
      { type },
      { type, origin: FOREIGN, site: 'cross-site' },
      { type, origin: null, site: null },
    ]),
  ]

  test.each(['/auth/refresh', '/auth/logout'])('%s is 403, whatever is wrong, and nothing changes', async (path) => {
    const { cookie, token } = await login()
    const [before, events] = [await stateOf(token), server.events.length]
    for (const page of pages) {
      // A page of another client has no cookie of its own here: that is no refusal, and this cookie is not touched.
      const expected = page.origin === DESK && page.site?.startsWith('same') && !page.site.includes(',') ? 400 : 403
      const { status, headers, body } = await send(path, {}, { ...page, cookie })
      expect([page, status, headers.getSetCookie()]).toEqual([page, expected, []])
      if (status === 403) expect(body.error).toBe('origin_not_allowed')
    }
    expect(await stateOf(token)).toEqual(before)
    expect(server.events.length).toBe(events)
    expect((await send('/auth/refresh', {}, { cookie })).status).toBe(200)
  })

  test('cannot log in with the cookie, and uses up no attempts', async () => {
    const user = await newUser()
    const events = server.events.length
    for (const page of pages.filter(({ origin, type }) => origin !== DESK && type === undefined)) {
      const { status, headers } = await send('/auth/login', { ...user, password: 'wrong', delivery: 'cookie' }, page)
      expect([page, status, headers.getSetCookie()]).toEqual([page, 403, []])
    }
    for (const named of ['notes', ODD, 'nobody'])
      expect((await send('/auth/login', { ...user, delivery: 'cookie', client_id: named })).status).toBe(403)
    expect(server.events.length).toBe(events)
    expect((await send('/auth/login', { ...user, delivery: 'cookie' })).status).toBe(200)
  })

  test('is a page whose origin was taken from the client a moment ago', async () => {
    const { cookie, token } = await login()
    server.setClients([aClient({ origins: [] })])
    const { status } = await send('/auth/refresh', {}, { cookie })
    server.setClients(CLIENTS)
    expect([status, (await stateOf(token))?.redeemed]).toEqual([403, 0])
  })
})

describe('two clients in one browser', () => {
  test('do not meet: each page uses the cookie of its own client', async () => {
    const [web, desk] = [await login(), await login({ origin: DESK }, ODD)]
    const cookie = `${web.cookie}; ${desk.cookie}`
    const ofWeb = await send('/auth/refresh', {}, { cookie })
    const ofDesk = await send('/auth/refresh', {}, { cookie, origin: DESK })
    expect([ofWeb.body.session_id, ofDesk.body.session_id]).toEqual([web.body.session_id, desk.body.session_id])
    expect((await send('/auth/logout', {}, { cookie })).status).toBe(204)
    expect((await stateOf(desk.token))?.revoked).toBeNull()
  })

  test('cannot use each other’s tokens: 403, nothing changes, and nothing is cleared', async () => {
    const desk = await login({ origin: DESK }, ODD)
    const cookie = `__Host-Http-heirloom-web=${desk.token}`
    for (const path of ['/auth/refresh', '/auth/logout']) {
      const { status, body, headers } = await send(path, {}, { cookie })
      expect([status, body.error, headers.getSetCookie()]).toEqual([403, 'origin_not_allowed', []])
    }
    expect(await stateOf(desk.token)).toMatchObject({ redeemed: 0, revoked: null })
  })

  test('of the code flow, whose pages may read answers, cannot use the cookie of another', async () => {
    const { cookie, token } = await login()
    for (const path of ['/auth/refresh', '/auth/logout'])
      expect((await send(path, {}, { cookie, origin: NOTES })).status).toBe(403)
    expect(await stateOf(token)).toMatchObject({ redeemed: 0, revoked: null })
  })
})
