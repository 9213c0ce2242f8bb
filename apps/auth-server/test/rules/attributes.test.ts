import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_ATTRIBUTES_BYTES, faultOfAttributes } from '../../src/rules/attributes.ts'

const nested = (levels: number): unknown => (levels === 0 ? 1 : { inner: nested(levels - 1) })

test.each<[string, unknown]>([
  ['none', {}],
  ['values of every kind', { department: 'R&D', floor: 3, remote: true, manager: null, groups: ['a', { b: [1.5] }] }],
  ['a namespaced name', { 'https://example.com/tenant': 't1' }],
  ['names and texts of any script within an attribute', { labels: { 部門: 'Forschung & Übung' } }],
  ['a name that objects inherit', { constructor: 'x', toString: 'y' }],
  ['five levels', nested(5)],
  ['exactly as much as fits', { a: 'x'.repeat(MAX_ATTRIBUTES_BYTES - '{"a":""}'.length) }],
])('a company can keep %s', (_, attributes) => {
  expect(faultOfAttributes(attributes)).toBeNull()
})

test.each<[string, unknown, RegExp]>([
  ['no object', 'x', /JSON object/],
  ['a list', [], /JSON object/],
  ['nothing', null, /JSON object/],
  ['a byte too much', { a: 'x'.repeat(MAX_ATTRIBUTES_BYTES - '{"a":""}'.length + 1) }, /at most 4096 bytes/],
  ['bytes, not characters, beyond the limit', { a: 'ü'.repeat(MAX_ATTRIBUTES_BYTES / 2) }, /at most 4096 bytes/],
  ['six levels', nested(6), /inner must have at most 5 levels/],
  ['a depth that would exhaust the stack', { a: nested(3_000) }, /a must have at most 5 levels/],
  ['a password', { password: 'x' }, /name password\./],
  ['a member of the account', { roles: ['admin'] }, /name roles\./],
  ['the prototype', JSON.parse('{"__proto__":{"admin":true}}'), /name __proto__\./],
  ['the prototype further in', JSON.parse('{"a":[{"__proto__":1}]}'), /a has a member with a forbidden name/],
  ['an empty name', { '': 1 }, /name of an attribute/],
  ['a name with a quotation mark', { 'a"b': 1 }, /name of an attribute/],
  ['a name beyond ASCII', { größe: 1 }, /name of an attribute/],
  ['a long name', { ['n'.repeat(65)]: 1 }, /name of an attribute/],
  ['NUL, which Postgres cannot keep', { a: ['\0'] }, /a must not contain U\+0000/],
  ['half a surrogate pair', { a: '\ud800' }, /lone surrogates/],
  ['half a surrogate pair in a name', { a: { '\udfff': 1 } }, /forbidden name/],
  ['a number that JSON cannot have', JSON.parse('{"a":1e400}'), /out of range/],
])('refused with the reason: %s', (_, attributes, reason) => {
  expect(faultOfAttributes(attributes)).toMatch(reason)
})

test('a reason can stand in an error description (RFC 6749, section 5.2) and has no value of the user', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), (attributes) => {
      expect(faultOfAttributes({ ...attributes, last: 'the-value\0' })).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
      expect(faultOfAttributes({ last: 'the-value\0' })).not.toContain('the-value')
    }),
  )
})
