import { beforeAll, describe, expect, test } from 'vitest'
import { type RealmServer, realmServer } from '../support/realm-server.ts'
import { aClient, aRealm } from '../support/realm.ts'

const APP = 'https://app.example'
const NOTES = 'https://notes.example'
const FOREIGN = 'https://foreign.example'
const CLIENTS = [
  aClient({ origins: [APP] }),
  aClient({ id: 'notes', origins: [NOTES], grants: ['authorization_code', 'refresh_token'], firstParty: false }),
  aClient({ id: 'desk', origins: [] }),
]

let server: RealmServer
beforeAll(async () => {
  server = await realmServer(aRealm(...CLIENTS))
})

const CORS = /^(access-control-.*|vary)$/
async function corsOf(method: string, path: string, headers: Record<string, string>) {
  const answer = await fetch(server.url + path, { method, headers, redirect: 'manual' })
  await answer.text()
  return { status: answer.status, cors: Object.fromEntries([...answer.headers].filter(([name]) => CORS.test(name))) }
}
const preflight = (path: string, origin: string, method: string, names?: string) =>
  corsOf('OPTIONS', path, {
    origin,
    'access-control-request-method': method,
    ...(names !== undefined && { 'access-control-request-headers': names }),
  })

const EXPOSED = 'Retry-After, WWW-Authenticate, Date, ETag, Preference-Applied'
const COOKIE_CALLS = [
  ['POST', '/auth/login'],
  ['POST', '/auth/refresh'],
  ['POST', '/auth/logout'],
] as const
const OTHER_CALLS = [
  ['POST', '/auth/register'],
  ['POST', '/auth/password'],
  ['POST', '/auth/logout/all'],
  ['GET', '/auth/me'],
  ['GET', '/auth/sessions'],
  ['DELETE', '/auth/sessions/x'],
  ['GET', '/auth/grants'],
  ['POST', '/oauth2/token'],
  ['POST', '/oauth2/revoke'],
] as const
const takesCookies = (path: string) => COOKIE_CALLS.some(([, one]) => one === path)

describe('a page of the realm', () => {
  test.each([...COOKIE_CALLS, ...OTHER_CALLS])(
    'may send %s %s, with cookies only where they are used',
    async (method, path) => {
      for (const origin of [APP, NOTES]) {
        const { status, cors } = await preflight(path, origin, method, 'Content-Type,authorization,x-other')
        expect([status, cors]).toEqual([
          204,
          {
            'access-control-allow-origin': origin,
            'access-control-allow-methods': method,
            'access-control-allow-headers': 'authorization, content-type',
            'access-control-expose-headers': EXPOSED,
            'access-control-max-age': '7200',
            ...(takesCookies(path) && { 'access-control-allow-credentials': 'true' }),
            vary: 'Origin',
          },
        ])
      }
    },
  )

  test('is granted no header that it does not ask for, and no method that is not there', async () => {
    const { cors } = await preflight('/auth/me', APP, 'GET')
    expect(cors).toMatchObject({ 'access-control-allow-methods': 'GET', 'access-control-allow-headers': '' })
    for (const method of ['PUT', 'PATCH', 'get', '*']) {
      const refused = await preflight('/auth/me', APP, method, 'authorization')
      expect([refused.status, refused.cors]).toEqual([404, { vary: 'Origin' }])
    }
  })

  test.each<[string, string, string, { body?: string; type?: string }, number]>([
    ['what it asked for', 'GET', '/auth/me', {}, 401],
    ['that a body is too large', 'POST', '/auth/refresh', { body: `"${'x'.repeat(20_000)}"` }, 413],
    ['that a body is no JSON', 'POST', '/auth/refresh', { body: 'x', type: 'text/plain' }, 415],
    ['that a form is wrong', 'POST', '/oauth2/token', { body: 'x' }, 400],
    ['that a method is wrong', 'PUT', '/auth/login', {}, 405],
    ['that there is nothing', 'GET', '/auth/nothing', {}, 404],
  ])('can read %s', async (_, method, path, { body, type = 'application/json' }, status) => {
    const answer = await fetch(server.url + path, {
      method,
      headers: { origin: APP, ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body }),
    })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, APP])
    expect(answer.headers.get('access-control-expose-headers')).toBe(EXPOSED)
    expect(answer.headers.get('vary')).toBe('Origin')
  })

  test('is followed when the realm changes, while the server runs', async () => {
    const now = () => preflight('/auth/me', FOREIGN, 'GET').then(({ status }) => status)
    expect(await now()).toBe(404)
    server.setClients([...CLIENTS, aClient({ id: 'more', origins: [FOREIGN] })])
    expect(await now()).toBe(204)
    server.setClients(CLIENTS)
    expect(await now()).toBe(404)
  })

  test('of a disabled client can still read why it is refused', async () => {
    server.setClients([aClient({ origins: [APP], disabled: true })])
    expect((await corsOf('GET', '/auth/me', { origin: APP })).cors).toMatchObject({
      'access-control-allow-origin': APP,
    })
    server.setClients(CLIENTS)
  })
})

const FOREIGNERS = [FOREIGN, 'null', '*', `${APP}.evil.example`, 'http://app.example', `${APP}:444`, `${APP}/`, 'x']

test.each([...COOKIE_CALLS, ...OTHER_CALLS])('a foreign page gets nothing from %s %s', async (method, path) => {
  for (const origin of FOREIGNERS) {
    const asked = await preflight(path, origin, method, 'content-type')
    const sent = await corsOf(method, path, { origin })
    expect([asked.status, asked.cors, sent.cors]).toEqual([404, { vary: 'Origin' }, { vary: 'Origin' }])
  }
  // A cache must not give this answer to a page.
  expect((await corsOf(method, path, {})).cors).toEqual({ vary: 'Origin' })
})

test.each([
  ['GET', '/oauth2/authorize?client_id=notes'],
  ['POST', '/oauth2/authorize?client_id=notes'],
  ['GET', '/logout'],
  ['POST', '/logout'],
  ['GET', '/account'],
  ['POST', '/oauth2/introspect'],
  ['GET', '/readyz'],
  ['GET', '/openapi.json'],
])('no page of another origin may send %s %s', async (method, path) => {
  const asked = await preflight(path, APP, method)
  const sent = await corsOf(method, path, { origin: APP })
  const allowed = [asked, sent].flatMap(({ cors }) => Object.keys(cors).filter((name) => name !== 'vary'))
  expect([asked.status, allowed]).toEqual([404, []])
})

describe('everyone may read', () => {
  test.each([
    ['/.well-known/jwks.json', 200],
    ['/.well-known/oauth-authorization-server', 200],
    ['/status/0', 200],
    ['/status/999', 404],
  ])('%s, which has one copy for all', async (path, status) => {
    for (const headers of [{}, { origin: FOREIGN }, { origin: APP }] as Record<string, string>[]) {
      const { cors, ...answer } = await corsOf('GET', path, headers)
      expect([answer.status, cors]).toMatchObject([
        status,
        { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED },
      ])
      expect([cors['access-control-allow-credentials'], cors['vary'] ?? 'accept-encoding']).toEqual([
        undefined,
        'accept-encoding',
      ])
    }
    const asked = await preflight(path, FOREIGN, 'GET', 'if-none-match')
    expect([asked.status, asked.cors]).toMatchObject([204, { 'access-control-allow-headers': 'if-none-match' }])
    expect((await preflight(path, FOREIGN, 'POST')).status).toBe(404)
  })
})
