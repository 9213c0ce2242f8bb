import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { presentedClient } from '../../src/rules/presented-client.ts'
import { basic } from '../support/basic.ts'

const encoded = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`

test.each([
  ['none', undefined, { client_id: 'app' }, { id: 'app', secret: null }],
  ['client_secret_post', undefined, { client_id: 'app', client_secret: 's' }, { id: 'app', secret: 's' }],
  ['client_secret_basic', encoded('app:s'), {}, { id: 'app', secret: 's' }],
  ['client_secret_basic', encoded('app:s'), { client_id: 'app' }, { id: 'app', secret: 's' }],
  ['client_secret_basic', encoded('app:s').replace('Basic', 'bAsIc'), {}, { id: 'app', secret: 's' }],
  // RFC 6749, section 2.3.1: both are encoded as in a form.
  ['client_secret_basic', encoded('https%3A%2F%2Fapp+1:a%2Bb:c'), {}, { id: 'https://app 1', secret: 'a+b:c' }],
  ['client_secret_basic', encoded('app:'), {}, { id: 'app', secret: '' }],
])('%s: a client is found by its registered method (%s, %o)', (method, header, form, client) => {
  expect(presentedClient(header, form)).toEqual({ ok: true, method, ...client })
})

describe('a request that does not say which client it is from', () => {
  test.each([
    ['neither', undefined, {}],
    ['a secret alone', undefined, { client_secret: 's' }],
    ['a Bearer token', 'Bearer abc', { client_id: 'app' }],
    ['no colon', encoded('app'), { client_id: 'app' }],
    ['no id', encoded(':s'), {}],
    ['no base64', 'Basic app:s', {}],
    ['a percent sign that begins no byte', encoded('app:50%'), {}],
    ['bytes that are no text', encoded(Buffer.from([0x61, 0x3a, 0xe9])), {}],
  ])('%s', (_what, header, form) => {
    expect(presentedClient(header, form)).toEqual({ ok: false, fault: 'none' })
  })

  test.each([
    ['a secret in both places', encoded('app:s'), { client_secret: 's' }],
    ['two clients', encoded('app:s'), { client_id: 'other' }],
  ])('%s is more than one way at once', (_what, header, form) => {
    expect(presentedClient(header, form)).toEqual({ ok: false, fault: 'several' })
  })
})

test('any id and any secret arrive as they were sent', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(text, text, (id, secret) => {
      const { authorization } = basic(id, secret)
      expect(presentedClient(authorization, {})).toEqual({ ok: true, method: 'client_secret_basic', id, secret })
    }),
  )
})
