import { expect, test } from 'vitest'
import { importedUser } from '../../../src/services/accounts/imported-user.ts'

const HASH = '$2b$06$abcdefghijklmnopqrstuuPb/IntJLlirAv12HWgtofWRkx/a4ZV.'
const USER = { username: 'Ada', password_hash: HASH }

const read = (row: object | string) =>
  importedUser(typeof row === 'string' ? row : JSON.stringify(row), (role) => role === 'user')

test('a line with everything keeps everything', () => {
  const row = {
    ...USER,
    id: '0F0E0D0C-0B0A-4908-8706-050403020100',
    email: 'Ada@Example.com',
    roles: ['user', 'user'],
    attributes: { department: 'R&D' },
    disabled: true,
    created_at: '2019-02-28T23:30:00.5+01:00',
  }
  expect(read(row)).toEqual({
    ok: true,
    user: {
      id: '0f0e0d0c-0b0a-4908-8706-050403020100',
      username: 'Ada',
      usernameKey: 'ada',
      earlierUsernameKey: 'ada',
      passwordHash: HASH,
      email: { address: 'Ada@Example.com', key: 'ada@example.com' },
      roles: ['user'],
      attributes: { department: 'R&D' },
      disabled: true,
      createdAt: '2019-02-28T22:30:00.500Z',
      sha256: expect.any(Buffer),
    },
  })
})

test('a line without the rest gets defaults, and null is for a user without a password', () => {
  expect(read({ username: 'ada', password_hash: null })).toMatchObject({
    user: { id: null, passwordHash: null, email: null, roles: null, attributes: {}, disabled: false, createdAt: null },
  })
})

test('a credential of Keycloak may be an object or a text', () => {
  const credential = {
    credentialData: '{"hashIterations":27500,"algorithm":"pbkdf2-sha256"}',
    secretData: `{"value":"${'A'.repeat(86)}==","salt":"MDEyMzQ1Njc4OWFiY2RlZg=="}`,
  }
  const text = JSON.stringify(credential)
  expect(read({ ...USER, password_hash: credential })).toMatchObject({ user: { passwordHash: text } })
  expect(read({ ...USER, password_hash: text })).toMatchObject({ user: { passwordHash: text } })
})

test('the same line is the same user, and each other member makes another one', () => {
  const shaOf = (row: object) => {
    const result = read(row)
    return result.ok && result.user.sha256.toString('hex')
  }
  const rows = [
    USER,
    { ...USER, username: 'ADA' },
    { ...USER, password_hash: null },
    { ...USER, email: 'a@b' },
    { ...USER, roles: ['user'] },
    { ...USER, roles: [] },
    { ...USER, attributes: { a: 1 } },
    { ...USER, disabled: true },
    { ...USER, created_at: '2024-01-01T00:00:00Z' },
  ]
  expect(new Set(rows.map(shaOf)).size).toBe(rows.length)
  expect(shaOf({ ...USER, created_at: '2024-01-01T01:00:00+01:00' })).toBe(shaOf(rows.at(-1) ?? {}))
})

test.each<[string, object | string, RegExp]>([
  ['no JSON', '{"username":"ada"', /^is not a JSON object$/],
  ['a list', '[]', /^is not a JSON object$/],
  [
    'a member of another spelling',
    { ...USER, passwordHash: HASH },
    /unknown member "passwordHash"; known are: username/,
  ],
  ['no name', { password_hash: HASH }, /^username must/],
  ['a name with a space', { ...USER, username: 'ada l' }, /^username must/],
  ['no hash', { username: 'ada' }, /^password_hash is missing; null is for/],
  ['a password', { ...USER, password_hash: 'hunter2' }, /^password_hash is of no known kind/],
  [
    'a hash that costs too much',
    { ...USER, password_hash: HASH.replace('06', '31') },
    /^password_hash has a cost of 31/,
  ],
  ['a hash that is a number', { ...USER, password_hash: 5 }, /^password_hash must be/],
  ['an id of another form', { ...USER, id: 'auth0|123' }, /^id must be a UUID$/],
  ['no address', { ...USER, email: 'ada' }, /^email must/],
  ['one role', { ...USER, roles: 'user' }, /^roles must be a list/],
  ['a role that the realm lacks', { ...USER, roles: ['user', 'root'] }, /^roles has "root", which the realm/],
  ['attributes that are reserved', { ...USER, attributes: { password: 'x' } }, /^attributes: No attribute may/],
  ['a word for disabled', { ...USER, disabled: 'no' }, /^disabled must/],
  ['a time without a zone', { ...USER, created_at: '2024-05-01T12:30:00' }, /^created_at must/],
  ['a day that no calendar has', { ...USER, created_at: '2023-02-29T12:30:00Z' }, /^created_at must/],
  ['milliseconds', { ...USER, created_at: 1714566600000 }, /^created_at must/],
])('a bad line is named with its reason: %s', (_, row, fault) => {
  expect(read(row)).toEqual({ ok: false, fault: expect.stringMatching(fault) })
})

test('no fault repeats a hash, which may be a password in clear', () => {
  expect(JSON.stringify(read({ ...USER, password_hash: 'hunter2' }))).not.toContain('hunter2')
})

test.each(['\0', '\ud800'])('a hash with a text that Postgres does not take is refused by itself: %j', (char) => {
  const password_hash = `pbkdf2_sha256$1000$a${char}b$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc=`
  expect(read({ ...USER, password_hash })).toEqual({ ok: false, fault: expect.stringContaining('U+0000') })
})

/** As deep as a line may be long. */
const DEEP = [`${'['.repeat(20_000)}${']'.repeat(20_000)}`, `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`]

const FAULTS: Record<string, string> = { password_hash: 'password_hash nests deeper' }

test.each(['username', 'password_hash', 'id', 'email', 'roles', 'attributes', 'disabled', 'created_at'])(
  'a line whose %s is nested deeply is refused by itself, and the import goes on',
  (member) => {
    for (const deep of DEEP) {
      const rest = JSON.stringify({ ...USER, [member]: undefined }).slice(1)
      expect(read(`{"${member}":${deep},${rest}`)).toEqual({
        ok: false,
        fault: expect.stringMatching(FAULTS[member] ?? member),
      })
    }
  },
)
