import { createHmac, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type AccessTokenClaims, type Algorithm, createVerifier, localKeySet, rfc9068Profile } from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, encode, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')
const runtime = { now: () => NOW_SECONDS * 1000 }
const verifierOf = (keys = localKeySet([key.jwk])) =>
  createVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, runtime })
const verifier = verifierOf()

const outcome = async (token: string, of = verifier) => {
  const verdict = await of.verify(token)
  return verdict.ok ? 'ok' : verdict.code
}
const good = signToken(key, claimsOf())
const [head = '', body = '', signature = ''] = good.split('.')

it('accepts a good token', async () => {
  expect(await verifier.verify(good)).toEqual({ ok: true, claims: claimsOf() })
})

describe('RFC 8725, 3.1: perform algorithm verification', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', ' none', 'none\0', ''])('refuses alg %j, signed or not', async (alg) => {
    const unsigned = `${encode({ alg, typ: 'at+jwt', kid: 'key-1' })}.${body}.`
    expect(await outcome(unsigned)).toBe('token_malformed')
    expect(await outcome(signToken(key, claimsOf(), { alg }))).toBe('algorithm_refused')
  })

  it.each([null, 0, true, ['RS256'], { alg: 'RS256' }, undefined])('refuses alg %j', async (alg) => {
    expect(await outcome(signToken(key, claimsOf(), { alg }))).toBe('algorithm_refused')
  })

  it.each(['rs256', 'Rs256', 'RS256 ', 'RS384', 'RS512', 'PS256', 'ES256', 'EdDSA', 'constructor', '__proto__'])(
    'refuses alg %j for an RS256 key: compared exactly, in one case',
    async (alg) => {
      expect(await outcome(signToken(key, claimsOf(), { alg }))).toBe('algorithm_refused')
    },
  )

  it.each(['HS256', 'HS384', 'HS512'])('refuses %s made with the public key as its secret', async (alg) => {
    for (const secret of [
      key.publicKey.export({ format: 'pem', type: 'spki' }),
      key.publicKey.export({ format: 'der', type: 'spki' }),
      JSON.stringify(key.jwk),
    ]) {
      const input = `${encode({ alg, typ: 'at+jwt', kid: 'key-1' })}.${body}`
      const mac = createHmac(alg.replace('HS', 'sha'), secret).update(input).digest()
      expect(await outcome(`${input}.${encode(mac)}`)).toBe('algorithm_refused')
    }
  })

  it('uses each key with exactly one algorithm', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const asPs256 = makeKey('key-1', 'PS256', rsa)
    const keys = localKeySet([asPs256.jwk], ['RS256', 'PS256'])
    expect(await outcome(signToken(asPs256, claimsOf()), verifierOf(keys))).toBe('ok')
    expect(await outcome(signToken(makeKey('key-1', 'RS256', rsa), claimsOf()), verifierOf(keys))).toBe(
      'algorithm_refused',
    )
    const { alg: _alg, ...unbound } = asPs256.jwk
    expect(() => localKeySet([unbound], ['RS256', 'PS256'])).toThrow('not for exactly one allowed algorithm')
  })

  it('takes the algorithms from the configuration', () => {
    expect(() => localKeySet([makeKey('e', 'ES256').jwk])).toThrow(TypeError)
    for (const algorithm of ['HS256', 'none', 'toString']) {
      expect(() =>
        createVerifier({ issuer: ISSUER, audience: AUDIENCE, algorithms: [algorithm as Algorithm] }),
      ).toThrow(TypeError)
    }
  })
})

describe('RFC 8725, 3.2: use appropriate algorithms', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)('verifies %s where it is allowed', async (alg) => {
    const other = makeKey('other', alg)
    const of = verifierOf(localKeySet([other.jwk], [alg]))
    const token = signToken(other, claimsOf())
    expect(await outcome(token, of)).toBe('ok')
    const input = token.slice(0, token.lastIndexOf('.'))
    const right = Buffer.from(token.slice(input.length + 1), 'base64url')
    const changed = Buffer.from(right).fill(right[9] === 0 ? 1 : 0, 9, 10)
    for (const wrong of [changed, right.subarray(1), Buffer.concat([right, right]), Buffer.alloc(right.length)]) {
      expect(await outcome(`${input}.${encode(wrong)}`, of)).toBe('signature_invalid')
    }
  })

  it('accepts Ed25519 by its name in RFC 9864 too', async () => {
    const other = makeKey('other', 'EdDSA')
    const of = verifierOf(localKeySet([{ ...other.jwk, alg: 'Ed25519' }], ['Ed25519']))
    expect(await outcome(signToken(other, claimsOf(), { alg: 'Ed25519' }), of)).toBe('ok')
    expect(await outcome(signToken(other, claimsOf(), { alg: 'EdDSA' }), of)).toBe('algorithm_refused')
  })

  it('refuses a PS256 signature without its leading zero (RFC 8017, section 8.1.2, step 1)', async () => {
    const other = makeKey('other', 'PS256')
    const of = verifierOf(localKeySet([other.jwk], ['PS256']))
    // The salt is random: one in 256 begins so.
    for (;;) {
      const token = signToken(other, claimsOf())
      const end = token.lastIndexOf('.') + 1
      const signed = Buffer.from(token.slice(end), 'base64url')
      if (signed[0] !== 0) continue
      expect(await outcome(token, of)).toBe('ok')
      expect(await outcome(token.slice(0, end) + signed.toString('base64url', 1), of)).toBe('signature_invalid')
      return
    }
  }, 30_000)
})

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
    const of = createVerifier<AccessTokenClaims>({ issuer: ISSUER, audience: AUDIENCE, keys, runtime, profile: kelvin })
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

describe('RFC 8725 bis, 3.13: limit hash iteration count', () => {
  it('has no password-based algorithm to iterate', async () => {
    const header = { alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, p2s: 'c2FsdA' }
    expect(await outcome(signToken(key, claimsOf(), header))).toBe('algorithm_refused')
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
