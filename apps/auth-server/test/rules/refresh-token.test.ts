import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { refreshTokens } from '../../src/rules/refresh-token.ts'

const OLD = 'an older secret of more than 32 bytes'
const NEW = 'a newer secret of more than 32 bytes!'
const tokens = refreshTokens([NEW])
const familyId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))

describe('refresh tokens', () => {
  test('parse to the family and generation of their issue, and are always issued alike', () => {
    fc.assert(
      fc.property(familyId, fc.integer({ min: 1, max: 0xffff_fffe }), (family, generation) => {
        const token = tokens.issue(family, generation)
        expect(tokens.issue(family, generation)).toBe(token)
        expect(tokens.parse(token)).toEqual({ family, generation })
      }),
    )
  })

  test('have the layout that docs/explanation/storage.md gives', () => {
    const family = randomBytes(16)
    const bytes = Buffer.from(tokens.issue(family.toString('base64url'), 258).slice(4), 'base64url')
    const derive = (purpose: string, length: number) =>
      Buffer.from(hkdfSync('sha256', NEW, '', `heirloom refresh token ${purpose}`, length))
    const head = Buffer.concat([Buffer.of(1), derive('id', 1), family, Buffer.of(0, 0, 1, 2)])
    const tag = createHmac('sha256', derive('tag', 32)).update(head).digest()
    expect(bytes).toEqual(Buffer.concat([head, tag]))
  })

  test('of an older secret still verify; new ones use the newest secret', () => {
    const both = refreshTokens([NEW, OLD])
    const old = refreshTokens([OLD]).issue('A'.repeat(22), 7)
    expect(both.parse(old)).toEqual({ family: 'A'.repeat(22), generation: 7 })
    expect(both.issue('A'.repeat(22), 7)).toBe(tokens.issue('A'.repeat(22), 7))
    expect(tokens.parse(old)).toBeNull()
  })

  test('anything else parses to null, without an error', () => {
    fc.assert(fc.property(fc.string({ maxLength: 100 }), (text) => tokens.parse(text) === null))
    const token = tokens.issue('A'.repeat(22), 1)
    for (const other of [` ${token}`, `${token}\n`, `${token}=`, token.toUpperCase(), token.replace('hrt_', 'HRT_')]) {
      expect(tokens.parse(other)).toBeNull()
    }
  })

  test('there is no generation 0, and the last one has no successor', () => {
    expect(() => tokens.issue('A'.repeat(22), 0)).toThrow(RangeError)
    expect(tokens.parse(tokens.issue('A'.repeat(22), 0xffff_ffff))).toBeNull()
    expect(() => tokens.issue('A'.repeat(22), 2 ** 32)).toThrow(RangeError)
    expect(() => tokens.issue('AAAA', 1)).toThrow(RangeError)
  })
})
