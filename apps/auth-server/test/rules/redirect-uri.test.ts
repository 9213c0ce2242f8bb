import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formActionSource,
  isNativeRedirect,
  isRegisteredRedirect,
  withParameters,
} from '../../src/rules/redirect-uri.ts'

const REGISTERED = [
  'https://app.example/callback',
  'https://app.example/callback?kept=1',
  'http://127.0.0.1/callback',
  'http://[::1]:8000/callback',
  'http://localhost:9/callback?x=1',
  'http://127.0.0.1',
  'com.example.app:/callback',
]

describe('a redirect URI', () => {
  test.each([
    ...REGISTERED,
    'http://127.0.0.1:1/callback',
    'http://127.0.0.1:65535/callback',
    'http://[::1]/callback',
    'http://[::1]:43117/callback',
    'http://localhost/callback?x=1',
    'http://127.0.0.1:5000/',
    'http://127.0.0.1:5000',
  ])('%s is registered', (uri) => {
    expect(isRegisteredRedirect(uri, REGISTERED)).toBe(true)
  })

  test.each([
    '',
    'https://app.example/callback/',
    'https://app.example/Callback',
    'https://app.example/callback?kept=1&more=1',
    'https://app.example/callback#fragment',
    'https://app.example:443/callback',
    'https://app.example:8443/callback',
    'https://app.example.evil.example/callback',
    'https://evil.example/callback?https://app.example/callback',
    'http://app.example/callback',
    'https://127.0.0.1/callback',
    'http://127.0.0.1:1/other',
    'http://127.0.0.1:1/callback/../other',
    'http://127.0.0.1:1/callback?x=1',
    'http://127.0.0.1:1/callback#x',
    'http://127.0.0.1:65536/callback',
    'http://127.0.0.1:/callback',
    'http://127.0.0.1:1@evil.example/callback',
    'http://127.0.0.1@evil.example/callback',
    'http://127.0.0.1.evil.example/callback',
    'http://127.0.0.2/callback',
    'http://2130706433/callback',
    'http://[::ffff:127.0.0.1]/callback',
    'http://[0:0:0:0:0:0:0:1]/callback',
    'http://localhost./callback?x=1',
    'http://LOCALHOST/callback?x=1',
    'http://localhost/callback',
    'http://127.0.0.1\\@evil.example/callback',
    'http://127.0.0.1:1/callback\n',
    'com.example.app:/callback2',
    'com.example.app://callback',
    'com.example.app:1/callback',
    'javascript:alert(1)',
  ])('%s is not', (uri) => {
    expect(isRegisteredRedirect(uri, REGISTERED)).toBe(false)
  })

  test('of any text, leads to no host that is not registered', () => {
    const hosts = new Set(['app.example', '127.0.0.1', '[::1]', 'localhost', ''])
    const piece = fc.constantFrom(
      'http://',
      'https://',
      '127.0.0.1',
      'localhost',
      '[::1]',
      ':',
      '80',
      '@',
      '/',
      '?',
      '#',
      '\\',
      'evil.example',
      'app.example',
      'callback',
      '.',
      '%2e',
      '\t',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const uri = pieces.join('')
        if (isRegisteredRedirect(uri, REGISTERED)) expect(hosts).toContain(new URL(uri).hostname)
      }),
      { numRuns: 5_000 },
    )
  })
})

test.each([
  ['https://app.example/callback?x=1', false, 'https://app.example'],
  ['https://app.example:8443/', false, 'https://app.example:8443'],
  ['http://127.0.0.1:43117/callback', true, 'http://127.0.0.1:43117'],
  ['http://localhost/callback', true, 'http://localhost'],
  ['http://[::1]:43117/callback', true, 'http:'],
  ['com.example.app:/callback', true, 'com.example.app:'],
])('%s: native is %s, and a form may lead to %s', (uri, isNative, source) => {
  expect([isNativeRedirect(uri), formActionSource(uri)]).toEqual([isNative, source])
})

test('parameters are added to a redirect URI in its own spelling', () => {
  expect(withParameters('https://a.example/cb', { code: 'x y&z' })).toBe('https://a.example/cb?code=x+y%26z')
  expect(withParameters('https://a.example/cb?b=%7e', { code: 'x' })).toBe('https://a.example/cb?b=%7e&code=x')
  expect(withParameters('com.example.app:/cb', { code: 'x' })).toBe('com.example.app:/cb?code=x')
})
