import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { earlierUsernameKey, usernameKey } from '../../src/rules/username.ts'

describe('two spellings of one name are one user', () => {
  test.each([
    ['a final sigma', 'ΟΔΟΣ', 'οδοσ'],
    ['a final sigma in lower case', 'οδος', 'οδοσ'],
    ['a sharp s', 'STRASSE', 'straße'],
    ['a capital sharp s', 'STRAẞE', 'straße'],
    ['an iota below', 'ᾼ', 'αι'],
    ['a capital I with a dot', 'İzmir', 'i\u0307zmir'],
    ['a ligature', 'ﬁnn', 'FINN'],
    ['full width', 'ｍａｒｙ', 'MARY'],
    ['a composed letter', 'caf\u00e9', 'CAFE\u0301'],
    ['letters beyond the first plane', '𐐀𐐁', '𐐨𐐩'],
  ])('%s', (_, one, other) => {
    expect(usernameKey(one)).not.toBeNull()
    expect(usernameKey(one)).toBe(usernameKey(other))
  })

  test('a dotless i is a different letter from an i', () => {
    expect(usernameKey('ırmak')).not.toBe(usernameKey('irmak'))
  })

  test('the key of a key is itself, and every name that was valid before case folding still is', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 20 })
    fc.assert(
      fc.property(name, (text) => {
        const key = usernameKey(text)
        if (key !== null) expect(usernameKey(key)).toBe(key)
        const earlier = earlierUsernameKey(text)
        if (key !== null && earlier !== null) expect(usernameKey(earlier)).toBe(key)
      }),
      { numRuns: 2_000 },
    )
  })
})
