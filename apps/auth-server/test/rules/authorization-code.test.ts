import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CodeBinding, authorizationCodes } from '../../src/rules/authorization-code.ts'
import { refreshTokens } from '../../src/rules/refresh-token.ts'
import { codePoint } from '../support/code-point.ts'

const OLD = 'an older secret of more than 32 bytes'
const NEW = 'a newer secret of more than 32 bytes!'
const codes = authorizationCodes([NEW])
const FAMILY = 'A'.repeat(22)

/** RFC 7636, appendix B. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

const BINDING: CodeBinding = {
  clientId: 'notes',
  redirectUri: 'https://notes.example/callback?from=login',
  challenge: CHALLENGE,
}
const PROOF = { clientId: 'notes', redirectUri: BINDING.redirectUri, verifier: VERIFIER }
const CODE = codes.issue(FAMILY, BINDING)
const sha256 = (text: string) => createHash('sha256').update(text).digest()

const text = fc.string({ unit: codePoint, maxLength: 40 })

describe('authorization codes', () => {
  test('of any family, client and redirect parse to what they were issued for, and are always issued alike', () => {
    const family = fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((bytes) => Buffer.from(bytes).toString('base64url'))
    fc.assert(
      fc.property(family, text, text, (id, clientId, redirectUri) => {
        const code = codes.issue(id, { clientId, redirectUri, challenge: CHALLENGE })
        expect(codes.issue(id, { clientId, redirectUri, challenge: CHALLENGE })).toBe(code)
        for (const sent of [redirectUri, undefined])
          expect(codes.parse(code, { clientId, redirectUri: sent, verifier: VERIFIER })).toEqual({
            family: id,
            generation: 1,
          })
      }),
    )
  })

  test('have the layout that docs/explanation/storage.md gives', () => {
    const family = randomBytes(16)
    const bytes = Buffer.from(codes.issue(family.toString('base64url'), BINDING).slice(4), 'base64url')
    const derive = (purpose: string, length: number) =>
      Buffer.from(hkdfSync('sha256', NEW, '', `heirloom ${purpose}`, length))
    const redirect = sha256(BINDING.redirectUri).subarray(0, 18)
    const head = Buffer.concat([Buffer.of(1), derive('refresh token id', 1), family, Buffer.of(0, 0, 0, 1), redirect])
    const tag = createHmac('sha256', derive('authorization code tag', 32))
      .update(head)
      .update('5:notes')
      .update(`43:${CHALLENGE}`)
    expect(bytes).toEqual(Buffer.concat([head, tag.digest()]))
  })

  test.each([
    ['by another client', { clientId: 'other' }],
    ['with another redirect URI', { redirectUri: 'https://notes.example/callback' }],
    ['with an empty redirect URI', { redirectUri: '' }],
    ['with another verifier', { verifier: VERIFIER.toLowerCase() }],
    ['with the challenge as its verifier: the method `plain`', { verifier: CHALLENGE }],
    ['without a verifier', { verifier: undefined }],
    ['with an empty verifier', { verifier: '' }],
    ['with a verifier that is too short', { verifier: 'a'.repeat(42) }],
    ['with a verifier of other characters', { verifier: `${VERIFIER}=` }],
  ])('a code that is presented %s does not verify', (_, wrong) => {
    expect(codes.parse(CODE, { ...PROOF, ...wrong })).toBeNull()
  })

  test('a code whose request had no challenge verifies with no verifier', () => {
    for (const challenge of ['', VERIFIER, sha256('').toString('base64url')]) {
      const code = codes.issue(FAMILY, { ...BINDING, challenge })
      for (const verifier of [undefined, '', VERIFIER, challenge])
        expect(codes.parse(code, { ...PROOF, verifier })).toBeNull()
    }
  })

  test('a code for one client and challenge is none for what reads the same side by side', () => {
    fc.assert(
      fc.property(text, text, (clientId, more) => {
        fc.pre(more !== '')
        const code = codes.issue(FAMILY, { ...BINDING, clientId: clientId + more })
        expect(codes.parse(code, { ...PROOF, clientId })).toBeNull()
      }),
    )
  })

  test('one changed bit, or another spelling, does not verify', () => {
    const bytes = Buffer.from(CODE.slice(4), 'base64url')
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length * 8 - 1 }), (bit) => {
        const changed = Buffer.from(bytes)
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(codes.parse(`hac_${changed.toString('base64url')}`, PROOF)).toBeNull()
      }),
    )
    for (const other of [` ${CODE}`, `${CODE}=`, `${CODE}A`, CODE.slice(0, -1), CODE.replace('hac_', 'hrt_'), ''])
      expect(codes.parse(other, PROOF)).toBeNull()
  })

  test('a code is no refresh token, and a refresh token is no code', () => {
    const tokens = refreshTokens([NEW])
    const token = tokens.issue(FAMILY, 1)
    expect(tokens.parse(CODE)).toBeNull()
    expect(tokens.parse(CODE.replace('hac_', 'hrt_'))).toBeNull()
    expect(codes.parse(token, PROOF)).toBeNull()
    expect(codes.parse(`hac_${token.slice(4)}`, PROOF)).toBeNull()
  })

  test('codes of an older secret still verify; new ones use the newest secret', () => {
    const both = authorizationCodes([NEW, OLD])
    const old = authorizationCodes([OLD]).issue(FAMILY, BINDING)
    expect(both.parse(old, PROOF)).toEqual({ family: FAMILY, generation: 1 })
    expect(both.issue(FAMILY, BINDING)).toBe(CODE)
    expect(codes.parse(old, PROOF)).toBeNull()
  })
})
