import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_CLAIMS_BYTES, attributeClaims, faultOfClaim } from '../../src/rules/attribute-claims.ts'
import { accessTokenClaims } from '../../src/rules/access-token-claims.ts'
import { realmOf } from '../../src/rules/realm.ts'
import { aClient, aRealm, aResource } from '../support/realm.ts'

const resource = (id: string, claims: Record<string, string>) => ({ ...aResource(id), claims })
const realm = realmOf({
  ...aRealm(aClient()),
  resources: [
    resource('files', { department: 'department', 'https://example.com/level': 'level' }),
    resource('mail', { department: 'department', groups: 'groups' }),
    resource('plain', {}),
  ],
})
const ADA = { department: 'R&D', level: 3, groups: ['a', 'b'], salary: 1 }

test.each<[string[], object]>([
  [['files'], { department: 'R&D', 'https://example.com/level': 3 }],
  [['mail'], { department: 'R&D', groups: ['a', 'b'] }],
  [['files', 'mail'], { department: 'R&D', 'https://example.com/level': 3, groups: ['a', 'b'] }],
  [['plain'], {}],
  [['auth-server', 'gone'], {}],
])('a token for %j has the claims of its resources and no other attribute', (resources, claims) => {
  expect(attributeClaims(realm, resources, ADA)).toEqual({ claims, leftOut: [] })
})

test('a user who lacks an attribute lacks the claim', () => {
  expect(attributeClaims(realm, ['files'], { level: null })).toEqual({
    claims: { 'https://example.com/level': null },
    leftOut: [],
  })
})

test('a token stays small: a claim that does not fit is left out, and the others are there', () => {
  const attributes = { ...ADA, department: 'x'.repeat(MAX_CLAIMS_BYTES) }
  expect(attributeClaims(realm, ['files', 'mail'], attributes)).toEqual({
    claims: { 'https://example.com/level': 3, groups: ['a', 'b'] },
    leftOut: ['department', 'department'],
  })
})

test('whatever the attributes are, the claims of a token are at most a kibibyte', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('department', 'level', 'groups'), fc.jsonValue()), (attributes) => {
      const { claims } = attributeClaims(realm, ['files', 'mail'], attributes as never)
      // Without the braces and commas between them.
      expect(Buffer.byteLength(JSON.stringify(claims))).toBeLessThanOrEqual(MAX_CLAIMS_BYTES + 2)
    }),
  )
})

const session = { sid: 's', userId: 'u', clientId: 'c', createdAt: 0, authTime: null, statusIndex: 1 }
const terms = { issuer: 'https://a', audience: 'files', ttlSeconds: 1, hasStatus: true, scope: 'read' }
const ISSUED = accessTokenClaims({ session, roles: [], claims: {} }, terms, 'jti', 0)

test.each(Object.keys(ISSUED))('no attribute becomes the claim %s, which the server sets', (claim) => {
  expect(faultOfClaim(claim, 'department')).toMatch(/^is reserved/)
  const forged = accessTokenClaims({ session, roles: [], claims: { [claim]: 'forged' } }, terms, 'jti', 0)
  expect(forged).toEqual(ISSUED)
})

test.each([
  ['department', 'department', null],
  ['email', 'mail', null],
  ['https://example.com/tenant', 'tenant', null],
  ['nbf', 'x', /^is reserved/],
  ['cnf', 'x', /^is reserved/],
  ['act', 'x', /^is reserved/],
  ['__proto__', 'x', /^is reserved/],
  ['a b', 'x', /^must have a name/],
  ['', 'x', /^must have a name/],
  ['department', 'password_hash', /^must name an attribute: No attribute may have the name password_hash/],
  ['department', 'roles', /^must name an attribute/],
  ['department', '', /^must name an attribute/],
])('the claim %j of the attribute %j', (claim, attribute, fault) => {
  const found = faultOfClaim(claim, attribute)
  if (fault === null) expect(found).toBeNull()
  else expect(found).toMatch(fault)
})
