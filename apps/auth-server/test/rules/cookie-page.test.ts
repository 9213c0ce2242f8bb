import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cookieName, judgePage } from '../../src/rules/cookie-page.ts'
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
