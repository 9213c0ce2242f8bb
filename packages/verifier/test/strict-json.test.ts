import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseStrictJson } from '../src/strict-json.ts'

it('reads what JSON.parse reads, however it is spaced and escaped', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(0, 1, '\t'), (text, indent) => {
      const value: unknown = JSON.parse(text)
      expect(parseStrictJson(JSON.stringify(value, null, indent), 20)).toEqual(value)
    }),
  )
})

it('answers undefined for anything that JSON.parse refuses, and never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ua0 1e-'.split('')) }), (text) => {
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        expect(parseStrictJson(text, 20)).toBeUndefined()
        return
      }
      expect([value, undefined]).toContainEqual(parseStrictJson(text, 20))
    }),
  )
})

it('refuses any object in which a member is repeated, at any depth', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(3), (object, depth) => {
      const [name = ''] = Object.keys(object)
      const repeated = `{${JSON.stringify(name)}:0,${JSON.stringify(object).slice(1)}`
      expect(parseStrictJson(`${'[{"a":'.repeat(depth)}${repeated}${'}]'.repeat(depth)}`, 40)).toBeUndefined()
    }),
  )
})

it('freezes what it answers', () => {
  const value = parseStrictJson('{"roles":["user"],"a":{"b":{}}}', 8) as { roles: string[]; a: { b: object } }
  expect([value, value.roles, value.a, value.a.b].every(Object.isFrozen)).toBe(true)
})

it('counts depth, and not brackets in strings', () => {
  expect(parseStrictJson('[[[]]]', 3)).toEqual([[[]]])
  expect(parseStrictJson('[[[]]]', 2)).toBeUndefined()
  expect(parseStrictJson(String.raw`["[[[[\"[[:"]`, 1)).toEqual(['[[[["[[:'])
})
