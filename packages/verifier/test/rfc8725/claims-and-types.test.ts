import { describe, expect, it } from 'vitest'
import { type AccessTokenClaims, type Verifier, createVerifier, localKeySet, rfc9068Profile } from '../../src/index.ts'
import { AUDIENCE, ISSUER, claimsOf, makeKey, signToken } from '../issuer.ts'
import { WAYS, key, runtime, verifier } from '../matrix.ts'

describe.each(WAYS)('%s', (_way, judge) => {
  const outcome = (token: string, of: Verifier<AccessTokenClaims> = verifier) => judge(token, of)

  describe('RFC 8725, 3.8: validate issuer and subject', () => {
    it.each(['https://other.example', `${ISSUER}/`, 'HTTPS://auth.example', [ISSUER], null, undefined, ''])(
      'refuses the issuer %j',
      async (iss) => {
        expect(await outcome(signToken(key, claimsOf({ iss })))).toMatch(/^(issuer_mismatch|claim_m)/)
      },
    )

    it("refuses another issuer's key under the same kid", async () => {
      expect(await outcome(signToken(makeKey('key-1'), claimsOf()))).toBe('signature_invalid')
    })

    it.each([undefined, '', null, 7, ['user-1']])('refuses the subject %j', async (sub) => {
      expect(await outcome(signToken(key, claimsOf({ sub })))).toMatch(/^claim_m/)
    })
  })

  describe('RFC 8725, 3.9: use and validate audience', () => {
    it.each(['other', ['other'], [], null, undefined, 'resource-api ', 'Resource-API', { 0: AUDIENCE }])(
      'refuses the audience %j',
      async (aud) => {
        expect(await outcome(signToken(key, claimsOf({ aud })))).toMatch(/^(audience_mismatch|claim_m)/)
      },
    )
  })

  describe('RFC 8725, 3.11 and 3.12: explicit typing, mutually exclusive rules', () => {
    it.each([
      'JWT',
      'jwt',
      'id_token',
      'dpop+jwt',
      'logout+jwt',
      'at+jwt ',
      'text/at+jwt',
      'application/application/at+jwt',
      'application/at+jwt; a=b',
      'application/',
      '',
      null,
      ['at+jwt'],
      undefined,
    ])('refuses the type %j', async (typ) => {
      expect(await outcome(signToken(key, claimsOf(), { typ }))).toBe('type_refused')
    })

    it.each(['at+jwt', 'at+JWT', 'AT+JWT', 'application/at+jwt', 'Application/AT+JWT'])(
      'accepts the media type %j: RFC 7515, section 4.1.9',
      async (typ) => {
        expect(await outcome(signToken(key, claimsOf(), { typ }))).toBe('ok')
      },
    )

    it('does not take a letter outside of ASCII for one of the type', async () => {
      const kelvin = { ...rfc9068Profile, types: ['k+jwt'] }
      const keys = localKeySet([key.jwk])
      const of = createVerifier<AccessTokenClaims>({
        issuer: ISSUER,
        audience: AUDIENCE,
        keys,
        runtime,
        profile: kelvin,
      })
      const outcomeOf = async (typ: string) => (await of.verify(signToken(key, claimsOf(), { typ }))).ok
      expect(await outcomeOf('K+JWT')).toBe(true)
      expect(await outcomeOf('\u212a+jwt')).toBe(false)
    })
  })

  describe('RFC 9449, section 7.2: a token that is bound to a key', () => {
    it.each([{ jkt: 'thumbprint' }, { 'x5t#S256': 'thumbprint' }, {}, null])(
      'is no bearer token: cnf %j',
      async (cnf) => {
        expect(await outcome(signToken(key, claimsOf({ cnf })))).toBe('token_bound')
      },
    )
  })
})
