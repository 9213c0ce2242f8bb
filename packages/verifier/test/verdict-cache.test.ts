import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Verifier, createVerifier, localKeySet } from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, encode, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')
const other = makeKey('key-2')

function setUp(options: { cacheBytes?: number } = {}) {
  let nowMs = NOW_SECONDS * 1000
  const keys = localKeySet([key.jwk, other.jwk])
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    keys,
    runtime: { now: () => nowMs },
    ...options,
  })
  return { verifier, keys, pass: (seconds: number) => (nowMs += seconds * 1000) }
}

/** The second time a token comes, its verdict is kept. Returns the verdict. */
async function keep(verifier: Verifier, token: string) {
  await verifier.verify(token)
  return verifier.verify(token)
}

describe('a cached verdict', () => {
  it('is the same one, frozen, for the same token', async () => {
    const { verifier } = setUp()
    const token = signToken(key, claimsOf())
    const kept = await keep(verifier, token)
    expect(await verifier.verify(token)).toBe(kept)
    if (!kept.ok) throw new Error(kept.code)
    expect(() => Object.assign(kept.claims, { sub: 'admin' })).toThrow(TypeError)
    expect(() => (kept.claims.roles as string[]).push('admin')).toThrow(TypeError)
    expect(() => Object.assign(kept, { ok: false })).toThrow(TypeError)
  })

  it('is of a token that came twice: a token that comes once takes no memory', async () => {
    const { verifier } = setUp()
    const token = signToken(key, claimsOf())
    await verifier.verify(token)
    expect(verifier.stats()).toMatchObject({ seenBefore: 0, verified: 1, cacheBytes: 0 })
    await verifier.verify(token)
    expect(verifier.stats()).toMatchObject({ seenBefore: 0, verified: 2, cacheBytes: 700 + token.length })
    await verifier.verify(token)
    expect(verifier.stats()).toMatchObject({ seenBefore: 1, verified: 2 })
  })

  it("ends with the token's exp", async () => {
    const { verifier, pass } = setUp()
    const token = signToken(key, claimsOf())
    await keep(verifier, token)
    pass(909.9)
    expect(await verifier.verify(token)).toMatchObject({ ok: true })
    pass(0.1)
    expect(await verifier.verify(token)).toMatchObject({ code: 'token_expired' })
  })

  it('ends when its key is removed, and returns only with that key', async () => {
    const { verifier, keys } = setUp()
    const token = signToken(key, claimsOf())
    await keep(verifier, token)
    keys.replace([other.jwk])
    expect(await verifier.verify(token)).toMatchObject({ code: 'key_unknown' })
    keys.replace([other.jwk, makeKey('key-1').jwk])
    expect(await verifier.verify(token)).toMatchObject({ code: 'signature_invalid' })
  })

  it('outlives a change of other keys', async () => {
    const { verifier, keys } = setUp()
    const token = signToken(key, claimsOf())
    const kept = await keep(verifier, token)
    keys.replace([key.jwk])
    expect(await verifier.verify(token)).toBe(kept)
  })

  it('is never one of refusal', async () => {
    const { verifier } = setUp()
    const early = signToken(key, claimsOf({ iat: NOW_SECONDS + 60 }))
    for (let times = 0; times < 3; times++) await verifier.verify(early)
    expect(verifier.stats()).toMatchObject({ cacheBytes: 0, refused: { token_not_yet_valid: 3 } })
  })
})

describe('a cache under attack', () => {
  it('gives no token the verdict of another: every one-character change of a token seen before is refused', async () => {
    const { verifier } = setUp()
    const token = signToken(key, claimsOf())
    await keep(verifier, token)
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), async (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1)
        expect((await verifier.verify(changed)).ok).toBe(changed === token)
      }),
    )
  })

  it('keeps tokens apart that share a signature, a payload, a header, a jti or a beginning', async () => {
    const { verifier } = setUp()
    const mine = signToken(key, claimsOf({ sub: 'mine' }))
    const theirs = signToken(key, claimsOf({ sub: 'theirs' }))
    const [head, mineBody, mineSignature] = mine.split('.')
    const [, theirBody, theirSignature] = theirs.split('.')
    for (let times = 0; times < 3; times++) {
      expect(await verifier.verify(mine)).toMatchObject({ claims: { sub: 'mine' } })
      expect(await verifier.verify(theirs)).toMatchObject({ claims: { sub: 'theirs' } })
    }
    expect((await verifier.verify(`${head}.${theirBody}.${mineSignature}`)).ok).toBe(false)
    expect((await verifier.verify(`${head}.${mineBody}.${theirSignature}`)).ok).toBe(false)
    expect((await verifier.verify(`${mine}.`)).ok).toBe(false)
    expect((await verifier.verify(mine.slice(0, -1))).ok).toBe(false)
    const underOther = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'key-2' })}.${mineBody}.${mineSignature}`
    expect((await verifier.verify(underOther)).ok).toBe(false)
  })

  it('gives names of the prototype no verdict', async () => {
    const { verifier } = setUp()
    for (const token of ['__proto__', 'constructor', 'toString', ''])
      expect((await verifier.verify(token)).ok).toBe(false)
  })

  it('stays within its bytes, and keeps what is in use', async () => {
    const cacheBytes = 40_000
    const { verifier } = setUp({ cacheBytes })
    const used = signToken(key, claimsOf())
    const kept = await keep(verifier, used)
    for (let count = 0; count < 60; count++) {
      await keep(verifier, signToken(key, claimsOf({ jti: `other-${count}` })))
      expect(await verifier.verify(used)).toBe(kept)
      expect(verifier.stats().cacheBytes).toBeLessThanOrEqual(cacheBytes)
    }
  })

  it('keeps nothing of tokens that are refused, however often they come', async () => {
    const { verifier } = setUp()
    const token = signToken(key, claimsOf())
    // In the signature, but not in the part that selects the place, which is that of the genuine token.
    const forged = `${token.slice(0, -10)}${token.at(-10) === 'A' ? 'B' : 'A'}${token.slice(-9)}`
    for (let times = 0; times < 3; times++) expect((await verifier.verify(forged)).ok).toBe(false)
    await verifier.verify(token)
    expect(verifier.stats()).toMatchObject({ verified: 1, cacheBytes: 0 })
  })

  it('can be none', async () => {
    const { verifier } = setUp({ cacheBytes: 0 })
    const token = signToken(key, claimsOf())
    for (let times = 0; times < 3; times++) expect(await verifier.verify(token)).toMatchObject({ ok: true })
    expect(verifier.stats()).toMatchObject({ seenBefore: 0, verified: 3, cacheBytes: 0 })
  })
})
