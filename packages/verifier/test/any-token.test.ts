import fc from 'fast-check'
import { expect, it } from 'vitest'
import { answerRefusal, createVerifier, localKeySet } from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, encode, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')
const verifier = createVerifier({
  issuer: ISSUER,
  audience: AUDIENCE,
  keys: localKeySet([key.jwk]),
  runtime: { now: () => NOW_SECONDS * 1000 },
})
const good = signToken(key, claimsOf())

/** Any input is a refusal that answers 401. */
function expectRefusal(token: string) {
  const verdict = verifier.verify(token)
  expect(verdict).not.toBeInstanceOf(Promise)
  expect(verdict).toMatchObject({ ok: false })
  if ('code' in verdict) expect(answerRefusal(verdict).status).toBe(401)
}

/** Any character there is. fast-check's own unit `binary` is the same, and takes seconds to be made. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code))

it('refuses any string', () => {
  fc.assert(fc.property(fc.string({ unit: codePoint }), expectRefusal), { numRuns: 500 })
})

it('refuses any three parts', () => {
  const part = fc.oneof(fc.base64String(), fc.json().map(encode), fc.constantFrom(...good.split('.')))
  const token = fc.tuple(part, part, part).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(
      token.filter((text) => text !== good),
      expectRefusal,
    ),
    { numRuns: 500 },
  )
})

it('refuses a good token with anything put in, taken out or put in place', () => {
  const cut = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string())
  const token = cut.map(([at, gone, text]) => good.slice(0, at) + text + good.slice(at + gone))
  fc.assert(
    fc.property(
      token.filter((text) => text !== good),
      expectRefusal,
    ),
    { numRuns: 500 },
  )
})

it('answers any header and any claims set that the issuer may sign', async () => {
  const member = (names: string[]) => fc.dictionary(fc.constantFrom(...names, '__proto__', 'x'), fc.jsonValue())
  await fc.assert(
    fc.asyncProperty(
      member(['alg', 'kid', 'typ', 'crit', 'jwk']),
      member(Object.keys(claimsOf())),
      async (header, payload) => {
        for (const token of [signToken(key, payload, { ...header }), signToken(key, claimsOf(payload))]) {
          const verdict = await verifier.verify(token)
          if (!verdict.ok) expect(answerRefusal(verdict).status).toBe(401)
        }
      },
    ),
  )
})

it.each([undefined, null, 7, {}, []])('refuses %j where a program passes it for a token', (token) => {
  expectRefusal(token as string)
})
