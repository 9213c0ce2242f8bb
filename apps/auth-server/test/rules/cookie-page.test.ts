import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canBeSameSite, cookieName, judgePage } from '../../src/rules/cookie-page.ts'
import { realmOf } from '../../src/rules/realm.ts'
import { aClient, aRealm } from '../support/realm.ts'

const APP = 'https://app.example'
const DESK = 'https://desk.example'
const NOTES = 'https://notes.example'
const OWN = 'https://auth.example'
const login = aClient({ origins: [APP] })
const realm = realmOf(
  aRealm(
    // Before and after the client with `login`: the order does not matter.
    aClient({ id: 'before', origins: [APP], grants: ['authorization_code'] }),
    login,
    aClient({ id: 'after', origins: [APP, NOTES], grants: ['authorization_code'] }),
    aClient({ id: 'desk', origins: [DESK] }),
  ),
)
const judge = (origin: string | undefined, fetchSite: string | undefined, named?: string) => {
  const page = judgePage({ origin, fetchSite }, named, realm, `${OWN}/path`)
  return page.ok ? page.clientId : null
}

test.each([
  [APP, 'same-site', undefined, 'web'],
  [APP, 'same-origin', undefined, 'web'],
  [APP, 'same-site', 'web', 'web'],
  [DESK, 'same-site', undefined, 'desk'],
  [OWN, 'same-origin', 'web', 'web'],
  [OWN, 'same-origin', 'desk', 'desk'],
])('a page of %s (%s) that names %s uses the cookie of %s', (origin, site, named, clientId) => {
  expect(judge(origin, site, named)).toBe(clientId)
})

test.each([
  ['the origin of another client', APP, 'same-site', 'desk'],
  ['a client that is only for the code flow', APP, 'same-site', 'after'],
  ['an origin without a client that may log in', NOTES, 'same-site', undefined],
  ['our own origin, and no client', OWN, 'same-origin', undefined],
  ['a foreign origin', 'https://foreign.example', 'same-site', undefined],
  ['a foreign origin that names a client', 'https://foreign.example', 'same-site', 'web'],
  ['an opaque origin', 'null', 'same-site', 'web'],
  ['no origin', undefined, 'same-origin', 'web'],
  ['another site', APP, 'cross-site', undefined],
  ['an address that a user typed', APP, 'none', undefined],
  ['a browser that does not say', APP, undefined, undefined],
  ['our own origin from another site', OWN, 'cross-site', 'web'],
])('%s uses no cookie', (_, origin, site, named) => {
  expect(judge(origin, site, named)).toBeNull()
})

// As Chromium 156 sends Sec-Fetch-Site.
test.each([
  ['https://app.example.com', 'https://auth.example.com', true],
  ['https://example.com', 'https://auth.example.com:8443/path', true],
  ['http://127.0.0.1:5173', 'http://127.0.0.1:4000', true],
  ['http://localhost:5173', 'http://localhost:4000', true],
  ['http://app.example.com', 'https://auth.example.com', false],
  ['https://app.other.com', 'https://auth.example.com', false],
  ['http://localhost:5173', 'http://127.0.0.1:4000', false],
  ['http://a.localhost', 'http://b.localhost', false],
  ['http://10.0.0.1', 'http://127.0.0.1', false],
  ['http://[::1]:5173', 'http://[::2]:4000', false],
])('%s and %s can be one site: %s', (origin, issuer, can) => {
  expect(canBeSameSite(origin, issuer)).toBe(can)
})

test('each client has a cookie of its own, whose name every browser and server takes', () => {
  const id = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
  })
  fc.assert(
    fc.property(id, id, (one, other) => {
      // RFC 6265, section 4.1.1.
      expect(cookieName(one)).toMatch(/^__Host-Http-heirloom-[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
      expect(cookieName(one) === cookieName(other)).toBe(one === other)
    }),
  )
})
