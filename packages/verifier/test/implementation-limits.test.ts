import { describe, expect, it } from 'vitest'
import { claimsOf, encode, signToken } from './issuer.ts'
import { WAYS, good, key, verifier } from './matrix.ts'

const [head = '', , signature = ''] = good.split('.')

describe.each(WAYS)('%s', (_way, judge) => {
  const outcome = (token: string) => judge(token, verifier)

  it('refuses a member given twice, in the header and in the payload, however it is spelt', async () => {
    const payload = JSON.stringify(claimsOf())
    const twice = [
      payload.replace('{', '{"sub":"admin",'),
      payload.replace('{', String.raw`{"\u0073ub":"admin",`),
      payload.replace('}', ',"x":{"a":1,"b":{"c":1,"c":1}}}'),
      payload.replace('}', ',"__proto__":{},"__proto__":{}}'),
    ]
    for (const text of twice) expect(await outcome(signToken(key, text))).toBe('token_malformed')
    const header = `{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"key-1"}`
    expect(await outcome(signToken(key, payload, header))).toBe('token_malformed')
  })

  it('refuses deep nesting and long tokens, unread', async () => {
    const deep = (depth: number) =>
      JSON.stringify(claimsOf()).replace('}', `,"x":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    expect(await outcome(signToken(key, deep(7)))).toBe('ok')
    expect(await outcome(signToken(key, deep(8)))).toBe('token_malformed')
    expect(await outcome(signToken(key, deep(2_500)))).toBe('token_malformed')
    expect(await outcome(signToken(key, claimsOf({ x: 'x'.repeat(8_000) })))).toBe('token_malformed')
  })

  it.each(['exp', 'iat', 'auth_time', 'nbf'])('refuses %s where it is not a sane number', async (claim) => {
    for (const number of ['1e400', '-1', '"1800000000"', '1800000000000', 'null', '[1800000000]', 'true']) {
      const payload = JSON.stringify(claimsOf({ [claim]: 7 })).replace(`"${claim}":7`, `"${claim}":${number}`)
      expect(await outcome(signToken(key, payload))).toBe('claim_malformed')
    }
  })

  it('never says what a payload holds before its signature is verified', async () => {
    const forged = `${head}.${encode(claimsOf({ exp: 1 }))}.${signature}`
    expect(await outcome(forged)).toBe('signature_invalid')
  })
})
