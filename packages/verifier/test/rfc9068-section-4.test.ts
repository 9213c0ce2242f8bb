import { describe, expect, it } from 'vitest'
import { createVerifier, localKeySet, rfc9068Profile } from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, makeKey, signToken } from './issuer.ts'
import { WAYS } from './matrix.ts'

const key = makeKey('key-1')
const verifier = createVerifier({
  issuer: ISSUER,
  audience: AUDIENCE,
  profile: rfc9068Profile,
  keys: localKeySet([key.jwk]),
  runtime: { now: () => NOW_SECONDS * 1000 },
})
describe.each(WAYS)('RFC 9068, section 4, by %s', (_way, judge) => {
  const outcome = (payload: object | string, header: object = {}) => judge(signToken(key, payload, header), verifier)

  it('"verify that the typ header value is at+jwt or application/at+jwt and reject tokens carrying any other value"', async () => {
    expect(await outcome(claimsOf(), { typ: 'at+jwt' })).toBe('ok')
    expect(await outcome(claimsOf(), { typ: 'application/at+jwt' })).toBe('ok')
    for (const typ of ['JWT', 'application/jwt', 'id+jwt', undefined]) {
      expect(await outcome(claimsOf(), { typ })).toBe('type_refused')
    }
  })

  it('"the issuer identifier MUST exactly match the value of the iss claim"', async () => {
    expect(await outcome(claimsOf({ iss: `${ISSUER}/` }))).toBe('issuer_mismatch')
  })

  it('"the aud claim contains a resource indicator value corresponding to an identifier the resource server expects"', async () => {
    expect(await outcome(claimsOf({ aud: ['other', AUDIENCE] }))).toBe('ok')
    expect(await outcome(claimsOf({ aud: ['other'] }))).toBe('audience_mismatch')
    expect(await outcome(claimsOf({ aud: 'other' }))).toBe('audience_mismatch')
  })

  it('"validate the signature of all incoming JWT access tokens … MUST reject any JWT in which the value of alg is none"', async () => {
    expect(await outcome(claimsOf(), { alg: 'none' })).toBe('algorithm_refused')
  })

  it('"MUST use the keys provided by the authorization server"', async () => {
    expect(await outcome(claimsOf(), { kid: 'of-another' })).toBe('key_unknown')
  })

  it('"the current time MUST be before the time represented by the exp claim", with some leeway', async () => {
    const iat = NOW_SECONDS - 900
    expect(await outcome(claimsOf({ iat, exp: NOW_SECONDS - 9 }))).toBe('ok')
    expect(await outcome(claimsOf({ iat, exp: NOW_SECONDS - 10 }))).toBe('token_expired')
  })

  it.each(['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'])('section 2.2: %s is required', async (claim) => {
    expect(await outcome(claimsOf({ [claim]: undefined }))).toBe('claim_missing')
  })

  it('serves tokens of another auth server: no session, no roles', async () => {
    expect(await outcome(claimsOf({ sid: undefined, roles: undefined, auth_time: undefined, scope: undefined }))).toBe(
      'ok',
    )
  })
})
