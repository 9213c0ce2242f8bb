import { describe, expect, it } from 'vitest'
import { type AccessTokenClaims, type Verifier } from '../../src/index.ts'
import { claimsOf, signToken } from '../issuer.ts'
import { WAYS, good, key, verifier } from '../matrix.ts'

const [head = '', body = '', signature = ''] = good.split('.')

describe.each(WAYS)('%s', (_way, judge) => {
  const outcome = (token: string, of: Verifier<AccessTokenClaims> = verifier) => judge(token, of)

  it('accepts a good token', async () => {
    expect(await outcome(good)).toBe('ok')
    expect(await verifier.verify(good)).toEqual({ ok: true, claims: claimsOf() })
  })

  describe('RFC 8725, 3.6 and bis 3.15: compression', () => {
    it('refuses a header that says the content is compressed', async () => {
      expect(await outcome(signToken(key, claimsOf(), { zip: 'DEF' }))).toBe('header_refused')
    })
  })

  describe('RFC 8725, 3.7: use UTF-8', () => {
    it('refuses other encodings of the payload', async () => {
      for (const encoding of ['utf16le', 'latin1'] as const) {
        const payload = Buffer.from(JSON.stringify(claimsOf({ sub: 'Zoë' })), encoding)
        expect(await outcome(signToken(key, payload))).toBe('token_malformed')
      }
    })

    it('refuses a byte order mark', async () => {
      expect(await outcome(signToken(key, `\uFEFF${JSON.stringify(claimsOf())}`))).toBe('token_malformed')
    })

    it('accepts names in any script', async () => {
      expect(await outcome(signToken(key, claimsOf({ sub: 'Зоя 🦉' })))).toBe('ok')
    })
  })

  describe('RFC 8725, 3.10: do not trust received claims', () => {
    it.each(["key-1' OR '1'='1", '../../etc/passwd', '__proto__', 'constructor', '', 'k'.repeat(5_000)])(
      'finds no key for the kid %j',
      async (kid) => {
        expect(await outcome(signToken(key, claimsOf(), { kid }))).toBe('key_unknown')
      },
    )

    it.each([undefined, null, 1, ['key-1']])('refuses the kid %j', async (kid) => {
      expect(await outcome(signToken(key, claimsOf(), { kid }))).toBe('key_unknown')
    })

    it.each(['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64'])(
      'refuses the header member %s with any value',
      async (member) => {
        for (const value of [null, '', [], 'https://evil.example/jwks.json', key.jwk, ['exp'], false]) {
          expect(await outcome(signToken(key, claimsOf(), { [member]: value }))).toBe('header_refused')
        }
      },
    )

    it('ignores other members (RFC 7515, section 4)', async () => {
      expect(await outcome(signToken(key, claimsOf(), { x5t: 'abc', 'x-new': 1 }))).toBe('ok')
    })
  })

  describe('RFC 8725 bis, 3.14: check the JWT format', () => {
    it.each([
      ['the JSON serialization', JSON.stringify({ protected: head, payload: body, signature })],
      ['a brace', `{${good}`],
      ['quotes', `"${good}"`],
      ['white space before', ` ${good}`],
      ['white space after', `${good}\n`],
      ['white space inside', `${head}.${body.slice(0, 8)} ${body.slice(8)}.${signature}`],
      ['NUL', `${good}\0`],
      ['padding', `${good}==`],
      ['the other base64 alphabet', `${head}.${body}.${signature.replaceAll('-', '+').replaceAll('_', '/')}+/`],
      ['two parts', `${head}.${body}`],
      ['two parts and a point', `${head}.${body}.`],
      ['four parts', `${good}.${signature}`],
      ['an empty header', `.${body}.${signature}`],
      ['an empty payload', `${head}..${signature}`],
      ['nothing', ''],
      ['points', '..'],
      ['a token cut short', good.slice(0, -20)],
      ['letters that look alike', good.replace('e', 'е')],
    ])('refuses %s', async (_what, token) => {
      expect(await outcome(token)).toMatch(/token_malformed|signature_invalid/)
    })

    it('refuses every other spelling of the last character: one token is one string', async () => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      // 256 bytes leave four bits unused in the last character, 86 letters in: 342 characters.
      const spellings = alphabet.split('').map((last) => `${head}.${body}.${signature.slice(0, -1)}${last}`)
      const accepted = []
      for (const token of spellings) if ((await outcome(token)) === 'ok') accepted.push(token)
      expect(accepted).toEqual([good])
    })

    it('refuses a header that is not an object', async () => {
      for (const header of ['[]', 'null', '1', '"RS256"', 'true', '', '{', '{"alg":"RS256"']) {
        expect(await outcome(signToken(key, claimsOf(), header))).toBe('token_malformed')
      }
    })

    it('refuses a payload that is not an object', async () => {
      for (const payload of ['[]', 'null', '1', '"x"', 'true', '{', '[{}]']) {
        expect(await outcome(signToken(key, payload))).toBe('token_malformed')
      }
    })
  })
})
