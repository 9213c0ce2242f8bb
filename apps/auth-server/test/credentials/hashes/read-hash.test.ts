import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashPassword, isCurrent } from '../../../src/credentials/hashes/argon2.ts'
import { readHash } from '../../../src/credentials/hashes/read-hash.ts'
import { FIREBASE, KNOWN_HASHES } from './known-hashes.ts'

describe('a user who comes from elsewhere logs in with the old password, and with no other', () => {
  test.each(KNOWN_HASHES)('$from', ({ hash, kind, password }) => {
    const read = readHash(hash)
    if ('fault' in read) throw new Error(read.fault)
    expect(read.kind).toBe(kind)
    expect(read.matches(password)).toBe(true)
    expect(read.matches(`x${password}`)).toBe(false)
    expect(read.matches('')).toBe(false)
  })
})

test('only a hash that is made as ours are now stays as it is', () => {
  expect(isCurrent(hashPassword('a long and quiet walk'))).toBe(true)
  expect(KNOWN_HASHES.filter(({ hash }) => isCurrent(hash))).toEqual([])
})

const SALT = 'c29tZXNhbHQ'
const HASH = 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'

describe('a hash that would stop a server is refused when it is read', () => {
  test.each<[string, string, RegExp]>([
    ['argon2 of 4 GiB', `$argon2id$v=19$m=4194304,t=1,p=1$${SALT}$${HASH}`, /4194304 KiB of memory/],
    ['argon2 of many passes', `$argon2id$v=19$m=65536,t=99,p=1$${SALT}$${HASH}`, /costs too much/],
    ['argon2 of many lanes', `$argon2id$v=19$m=65536,t=1,p=99$${SALT}$${HASH}`, /costs too much/],
    ['bcrypt of an hour', '$2b$31$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.', /cost of 31; at most 14/],
    ['scrypt of 64 GiB', `$scrypt$ln=26,r=8,p=1$${SALT}$${HASH}`, /65536 MiB of memory/],
    ['scrypt of many rounds', `$scrypt$ln=14,r=8,p=999$${SALT}$${HASH}`, /costs too much/],
    ['scrypt whose cost is no number', `$scrypt$ln=99,r=9999,p=9999$${SALT}$${HASH}`, /MiB of memory/],
    ['Firebase', FIREBASE.replace('n=14', 'n=30'), /MiB of memory/],
    ['PBKDF2', `pbkdf2_sha256$100000000$salt$${HASH}=`, /100000000 iterations/],
    ['PBKDF2 of many blocks', `$pbkdf2$i=1000000$${SALT}$${'A'.repeat(80)}`, /1000000 iterations for each of 3 blocks/],
    ['a long text', `$2b$06$${'a'.repeat(2_000)}`, /longer than 1024 characters/],
  ])('%s', (_, hash, fault) => {
    expect(readHash(hash)).toEqual({ fault: expect.stringMatching(fault) })
  })
})

describe('a hash that anybody’s password could match, or nobody’s, is refused', () => {
  test.each([
    ['no hash at all', `$pbkdf2-sha256$i=1000$${SALT}$`],
    ['a hash of one byte', `$pbkdf2-sha256$i=1000$${SALT}$AA`],
    ['no salt', `$pbkdf2-sha256$i=1000$$${HASH}`],
    ['no iterations', `$pbkdf2-sha256$i=0$${SALT}$${HASH}`],
    ['an unknown digest', `$pbkdf2-md5$i=1000$${SALT}$${HASH}`],
    ['argon2 without passes', `$argon2id$v=19$m=65536,t=0,p=1$${SALT}$${HASH}`],
    ['argon2 cut off', `$argon2id$v=19$m=65536,t=2,p=1$${SALT}`],
    ['bcrypt cut off', '$2b$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV'],
    ['bcrypt whose salt no program wrote', '$2b$06$abcdefghijklmnopqrstuvPb/IntJLlirAv12HWgtofWRkx/a4ZV.'],
    ['the bcrypt of PHP before 5.3.7', '$2x$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.'],
    ['bcrypt of cost 3', '$2b$03$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.'],
    ['scrypt with an odd N', `scrypt$1000$salt$8$1$${HASH}`],
    ['Firebase without its signer key', FIREBASE.replace(/,sk=[^$]+/, '')],
    ['Keycloak without a secret', '{"credentialData":"{\\"algorithm\\":\\"pbkdf2\\",\\"hashIterations\\":1}"}'],
    [
      'Keycloak without iterations',
      `{"credentialData":{"algorithm":"pbkdf2-sha256"},"secretData":{"salt":"${SALT}","value":"${HASH}"}}`,
    ],
    [
      'Keycloak with half an iteration',
      `{"credentialData":{"algorithm":"pbkdf2","hashIterations":1.5},"secretData":{"salt":"${SALT}","value":"${HASH}"}}`,
    ],
    ['Keycloak with an algorithm of its own', '{"credentialData":{"algorithm":"rot13"},"secretData":{}}'],
  ])('%s', (_, hash) => {
    expect(readHash(hash)).toEqual({ fault: expect.stringMatching(/begins like .* malformed/) })
  })

  test.each([
    '',
    'secret',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '{SSHA}abc',
    '$1$salt$abc',
    '$P$Babcdefgh',
    '!',
    'null',
  ])('of no known kind: %s', (hash) =>
    expect(readHash(hash)).toEqual({ fault: expect.stringMatching(/^is of no known kind; known are: argon2, /) }),
  )
})

test('no text makes the reader throw, and no cut or changed hash is matched by a wrong password', () => {
  const cheap = KNOWN_HASHES.filter(({ from }) => /2a\$ \(jB|passlib|Django$/.test(from) && !/argon2|scrypt/.test(from))
  const mutated = fc
    .tuple(fc.constantFrom(...cheap), fc.nat(200), fc.string({ maxLength: 3 }), fc.nat(3))
    .map(([{ hash }, at, put, cut]) => hash.slice(0, at % hash.length) + put + hash.slice((at % hash.length) + cut))
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' })), (text) => {
      const read = readHash(text)
      if (!('fault' in read)) expect(read.matches('a wrong password')).toBe(false)
    }),
    { numRuns: 300 },
  )
})
