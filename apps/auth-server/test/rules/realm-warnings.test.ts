import { expect, test } from 'vitest'
import { isSameSite, realmWarnings } from '../../src/rules/realm-warnings.ts'
import { aClient } from '../support/realm.ts'

const ISSUER = 'https://login.example.co.uk'

test.each([
  ['https://example.co.uk', true],
  ['https://app.example.co.uk:8443', true],
  [ISSUER, true],
  ['http://app.example.co.uk', false],
  ['https://other.co.uk', false],
  ['https://example.co.uk.evil.example', false],
])('a cookie of %s reaches the server: %s', (origin, expected) => {
  expect(isSameSite(origin, ISSUER)).toBe(expected)
})

test.each([
  ['http://127.0.0.1:5173', 'http://127.0.0.1:4000', true],
  ['http://localhost:5173', 'http://127.0.0.1:4000', false],
  ['http://app.localhost', 'http://login.localhost', false],
  ['http://[::1]:5173', 'http://[::1]:4000', true],
  ['http://127.0.0.2', 'http://127.0.0.1', false],
  // Users of one host are strangers to each other.
  ['https://one.github.io', 'https://two.github.io', false],
  ['https://one.pages.example', 'https://two.pages.example', true],
])('%s and %s are one site: %s', (one, other, expected) => {
  expect([isSameSite(one, other), isSameSite(other, one)]).toEqual([expected, expected])
})

test('only pages that use cookies are warned of, each with its place', () => {
  const origins = ['https://app.example.co.uk', 'https://elsewhere.example']
  const clients = [aClient({ origins }), aClient({ id: 'spa', grants: ['authorization_code'], origins })]
  expect(realmWarnings({ clients }, ISSUER)).toEqual([
    {
      path: ['clients', 'web', 'origins', 1],
      text: expect.stringContaining('is "https://elsewhere.example", another site than https://login.example.co.uk'),
    },
  ])
})
