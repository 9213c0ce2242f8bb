import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type AccessTokenClaims, type Verifier, localKeySet } from '../../src/index.ts'
import { claimsOf, encode, makeKey, signToken } from '../issuer.ts'
import { WAYS, good, key, verifier, verifierOf } from '../matrix.ts'

const [head = '', body = '', signature = ''] = good.split('.')

describe.each(WAYS)('%s', (_way, judge) => {
  const outcome = (token: string, of: Verifier<AccessTokenClaims> = verifier) => judge(token, of)

  describe('RFC 8725, 3.3: validate all cryptographic operations', () => {
    it('refuses a token whose signature, header or payload was changed', async () => {
      const flipped = Buffer.from(signature, 'base64url')
      flipped[40] = (flipped[40] ?? 0) ^ 1
      expect(await outcome(`${head}.${body}.${encode(flipped)}`)).toBe('signature_invalid')
      expect(await outcome(`${head}.${encode(claimsOf({ roles: ['admin'] }))}.${signature}`)).toBe('signature_invalid')
      expect(await outcome(`${encode({ kid: 'key-1', alg: 'RS256', typ: 'at+jwt' })}.${body}.${signature}`)).toBe(
        'signature_invalid',
      )
    })

    it('refuses a nested token: its payload is a token and not claims', async () => {
      expect(await outcome(signToken(key, good, { cty: 'JWT' }))).toBe('token_malformed')
    })

    it('refuses encrypted tokens: five parts, or the header members of one', async () => {
      expect(await outcome(`${good}.${encode('iv')}.${encode('tag')}`)).toBe('token_malformed')
      expect(await outcome(signToken(key, claimsOf(), { enc: 'A256GCM' }))).toBe('header_refused')
    })
  })

  describe('RFC 8725, 3.4: validate cryptographic inputs', () => {
    it('refuses a point that is not on the curve', () => {
      const { jwk } = makeKey('e', 'ES256')
      expect(() => localKeySet([{ ...jwk, y: encode(Buffer.alloc(32, 1)) }], ['ES256'])).toThrow('not a key')
    })

    it('refuses an ECDSA signature of zeros, and one in DER', async () => {
      const other = makeKey('e', 'ES256')
      const of = verifierOf(localKeySet([other.jwk], ['ES256']))
      const token = signToken(other, claimsOf())
      const input = token.slice(0, token.lastIndexOf('.'))
      expect(await outcome(`${input}.${encode(Buffer.alloc(64))}`, of)).toBe('signature_invalid')
      expect(await outcome(`${input}.${encode(Buffer.alloc(70, 0x30))}`, of)).toBe('signature_invalid')
    })
  })

  describe('RFC 8725, 3.5: ensure cryptographic keys have sufficient entropy', () => {
    it('refuses RSA keys under 2048 bits, and weak exponents', () => {
      const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
      expect(() => localKeySet([makeKey('short', 'RS256', short).jwk])).toThrow('too short')
      expect(() => localKeySet([{ ...key.jwk, e: 'AQ' }])).toThrow('no usable key')
      const three = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
      expect(() => localKeySet([makeKey('three', 'RS256', three).jwk])).toThrow('a weak exponent')
    })
  })
})
