import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerRefusal } from '../src/index.ts'
import { claimsOf, encode, signToken } from './issuer.ts'
import { WAYS, good, key, verifier } from './matrix.ts'

/** Any character there is. fast-check's own unit `binary` is the same, and takes seconds to be made. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code))

describe.each(WAYS)('%s', (way, judge) => {
  const numRuns = way === 'verify()' ? 500 : 200

  /** Any input is a refusal that answers 401. */
  async function expectRefusal(token: string) {
    expect(await judge(token, verifier)).toMatch(/^(token|header|type|algorithm|key|signature|claim)_/)
  }

  it('refuses any string', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: codePoint }), expectRefusal), { numRuns })
  })

  it('refuses any three parts', async () => {
    const part = fc.oneof(fc.base64String(), fc.json().map(encode), fc.constantFrom(...good.split('.')))
    const token = fc.tuple(part, part, part).map((parts) => parts.join('.'))
    await fc.assert(
      fc.asyncProperty(
        token.filter((text) => text !== good),
        expectRefusal,
      ),
      { numRuns },
    )
  })

  it('refuses a good token with anything put in, taken out or put in place', async () => {
    const cut = fc.tuple(fc.nat(good.length), fc.nat(20), fc.string())
    const token = cut.map(([at, gone, text]) => good.slice(0, at) + text + good.slice(at + gone))
    await fc.assert(
      fc.asyncProperty(
        token.filter((text) => text !== good),
        expectRefusal,
      ),
      { numRuns },
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
            expect(await judge(token, verifier)).toMatch(/^(ok$|[a-z]+_)/)
          }
        },
      ),
    )
  })
})

it.each([undefined, null, 7, {}, []])('refuses %j where a program passes it for a token', (token) => {
  const verdict = verifier.verify(token as string)
  expect(verdict).not.toBeInstanceOf(Promise)
  expect(verdict).toMatchObject({ ok: false })
  if ('code' in verdict) expect(answerRefusal(verdict).status).toBe(401)
})
