import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readKeys } from '../../src/keys/key-set.ts'
import { makeKey } from '../issuer.ts'

const good = makeKey('good')
const next = makeKey('next')
const weak = makeKey('weak', 'RS256', generateKeyPairSync('rsa', { modulusLength: 1024 }))

const read = (keys: unknown, known = new Map()) => readKeys({ keys }, known, ['RS256'], 4)
const inForce = () => {
  const first = read([good.jwk])
  if (!first.ok) throw new Error(first.reason)
  return first.keys
}

/** Keys that are of no use here, each for one reason. */
const USELESS: Record<string, object> = {
  'of 1,024 bits': weak.jwk,
  'with an exponent of 1': { ...next.jwk, e: 'AQ' },
  'with an even exponent': { ...next.jwk, e: 'AQAA' },
  'for encryption': { ...next.jwk, use: 'enc' },
  'for other operations': { ...next.jwk, key_ops: ['encrypt'] },
  'that is symmetric': { kty: 'oct', k: 'c2VjcmV0', kid: 'next', alg: 'HS256' },
  'that holds a private half': { ...next.privateKey.export({ format: 'jwk' }), kid: 'next' },
  'without a kid': { ...next.jwk, kid: undefined },
  'with an empty kid': { ...next.jwk, kid: '' },
  'with a kid that is no string': { ...next.jwk, kid: 7 },
  'for an algorithm that is not allowed': { ...next.jwk, alg: 'RS512' },
  'of an unknown type': { kty: 'XYZ', kid: 'next' },
  'whose numbers are rubbish': { ...next.jwk, n: '!!' },
  'that is cut short': { kty: 'RSA', kid: 'next' },
  'on a curve': makeKey('next', 'ES256').jwk,
}

describe('a poisoned key set', () => {
  it.each(Object.entries(USELESS))('gives no key %s, and does not displace the good ones', (_what, jwk) => {
    expect(read([jwk])).toMatchObject({ ok: false })
    expect(read([jwk], inForce() as Map<never, never>)).toMatchObject({ ok: false })
    const beside = read([jwk, good.jwk])
    expect(beside.ok && [...beside.keys.keys()]).toEqual(['good'])
    expect(beside.ok && beside.ignored).toHaveLength(1)
  })

  it.each(Object.entries(USELESS))('is refused whole if a known key comes back as one %s', (_what, jwk) => {
    if ((jwk as { kid?: unknown }).kid !== 'next' && (jwk as { kid?: unknown }).kid !== 'weak') return
    const known = inForce() as Map<never, never>
    expect(read([{ ...jwk, kid: 'good' }, next.jwk], known)).toEqual({
      ok: false,
      reason: 'another key under a known kid',
    })
  })

  it('is refused whole for another key under a known kid', () => {
    const known = inForce() as Map<never, never>
    expect(read([{ ...next.jwk, kid: 'good' }], known)).toMatchObject({ ok: false })
    expect(read([{ ...next.jwk, kid: 'good' }, next.jwk], known)).toMatchObject({ ok: false })
  })

  it('is refused whole for a kid given twice', () => {
    expect(read([good.jwk, good.jwk])).toMatchObject({ reason: 'one kid for two keys' })
    expect(read([good.jwk, { ...next.jwk, kid: 'good', use: 'enc' }])).toMatchObject({ reason: 'one kid for two keys' })
  })

  it.each([[], {}, null, 'keys', 7, [null], [[]], [{}]])('is refused whole for keys of %j', (keys) => {
    expect(read(keys)).toMatchObject({ ok: false })
  })

  it.each([null, [], 'keys', 7, {}, { Keys: [good.jwk] }])('is refused whole for the document %j', (document) => {
    expect(readKeys(document, new Map(), ['RS256'], 4)).toEqual({ ok: false, reason: 'not a JWK set' })
  })

  it('is refused whole for too many keys', () => {
    expect(read([1, 2, 3, 4].map((n) => ({ ...good.jwk, kid: `k${n}` })))).toMatchObject({ ok: true })
    expect(read([1, 2, 3, 4, 5].map((n) => ({ ...good.jwk, kid: `k${n}` })))).toMatchObject({
      reason: 'more than 4 keys',
    })
  })
})

it('keeps a key that stays as the same object, and drops one that goes', () => {
  const known = inForce()
  const both = readKeys({ keys: [next.jwk, good.jwk] }, known, ['RS256'], 4)
  expect(both.ok && both.keys.get('good')).toBe(known.get('good'))
  const gone = readKeys({ keys: [next.jwk] }, known, ['RS256'], 4)
  expect(gone.ok && [...gone.keys.keys()]).toEqual(['next'])
})
