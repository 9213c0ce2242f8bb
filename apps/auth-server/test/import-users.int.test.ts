import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KNOWN_HASHES } from './credentials/hashes/known-hashes.ts'
import { runAdmin } from './support/admin.ts'
import { type TestServer, testServer } from './support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'heirloom-import-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let server: TestServer
let db: pg.Client
beforeAll(async () => {
  server = await testServer()
  db = new pg.Client({ connectionString: server.superuserUrl })
  await db.connect()
})
afterAll(() => db.end())

const importLines = (...lines: (object | string)[]) => {
  const file = join(folder, 'users.jsonl')
  writeFileSync(file, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
  return runAdmin(server.env, '', 'user', 'import', file)
}

const logIn = (username: string, password: string) => server.call('POST', '/auth/login', { username, password })

const stored = async (username: string) =>
  (
    await db.query(
      'SELECT *, extract(epoch FROM created_at)::int AS created, disabled_at IS NOT NULL AS disabled FROM users WHERE username_key = $1',
      [username],
    )
  ).rows[0]

const USERS = KNOWN_HASHES.map(({ hash, password, from }, i) => ({ from, password, username: `known-${i}`, hash }))

describe('a company brings its users', () => {
  test('in one command', async () => {
    const imported = await importLines(...USERS.map(({ username, hash }) => ({ username, password_hash: hash })))
    expect(imported).toMatchObject({ code: 0, answer: { imported: USERS.length, imported_before: 0, refused: 0 } })
  })

  test.each(USERS)('who log in with their passwords, and from then on have our hash: $from', async (user) => {
    expect(await stored(user.username)).toMatchObject({ password_hash: user.hash, roles: ['user'], version: 1 })
    expect((await logIn(user.username, `${user.password.slice(0, 60)}x`)).status).toBe(401)
    expect((await logIn(user.username, user.password)).status).toBe(200)
    // The other sessions of this account are not disturbed: the version stays.
    expect(await stored(user.username)).toMatchObject({
      password_hash: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/),
      version: 1,
    })
    expect((await logIn(user.username, user.password)).status).toBe(200)
    expect((await logIn(user.username, `x${user.password}`)).status).toBe(401)
  })

  test('who are skipped when the same file is imported again, also after they logged in', async () => {
    const again = await importLines(...USERS.map(({ username, hash }) => ({ username, password_hash: hash })))
    expect(again).toMatchObject({ code: 0, answer: { imported: 0, imported_before: USERS.length, refused: 0 } })
    expect((await stored('known-0')).password_hash).toMatch(/^\$argon2id/)
  })
})

test('everything that a line has is kept', async () => {
  const id = '0f0e0d0c-0b0a-4908-8706-050403020100'
  const attributes = { department: 'R&D', groups: ['a', 'b'] }
  const rest = {
    email: 'Grace@Example.com',
    roles: ['editor'],
    created_at: '2019-03-01T00:00:00+01:00',
    disabled: true,
  }
  const hash = USERS[0]?.hash
  expect(await importLines({ username: 'Grace', password_hash: hash, id, attributes, ...rest })).toMatchObject({
    code: 0,
  })
  expect(await stored('grace')).toMatchObject({
    id,
    username: 'Grace',
    email: 'Grace@Example.com',
    email_key: 'grace@example.com',
    roles: ['editor'],
    attributes,
    disabled: true,
    created: Date.parse('2019-02-28T23:00:00Z') / 1000,
  })
  expect((await logIn('grace', 'a')).status).toBe(401)
})

test('good lines are imported, bad ones are named with number and reason, and the command fails', async () => {
  await server.call('POST', '/auth/register', { username: 'native', password: 'a long and quiet walk' })
  const hash = USERS[0]?.hash
  const { code, stderr, answer } = await importLines(
    { username: 'good-1', password_hash: hash },
    '',
    { username: 'bad', password_hash: 'hunter2' },
    { username: 'Native', password_hash: hash },
    { username: 'good-1', password_hash: null },
    { username: 'good-1', password_hash: hash },
    { username: 'GRACE', password_hash: hash },
    { username: 'other', password_hash: hash, id: '0f0e0d0c-0b0a-4908-8706-050403020100' },
    `{"username":"${'x'.repeat(70_000)}"}`,
    { username: 'good-2', password_hash: null },
  )
  expect([code, answer]).toEqual([1, { imported: 2, imported_before: 1, refused: 6 }])
  expect(stderr.trim().split('\n')).toEqual([
    expect.stringMatching(/^admin: line 3: password_hash is of no known kind; known are: argon2, bcrypt, /),
    'admin: line 9: is longer than 64 KiB, or not UTF-8',
    'admin: line 4: there is a user of this name or id already, who was not imported: "Native"',
    'admin: line 5: the user was imported already, from a line with other data: "good-1"',
    'admin: line 7: the user was imported already, from a line with other data: "GRACE"',
    'admin: line 8: there is a user of this name or id already, who was not imported: "other"',
  ])
  expect(await stored('good-1')).toMatchObject({ password_hash: hash })
  expect(await stored('native')).toMatchObject({ imported_sha256: null })
})

test('a user without a password, and one whose hash nobody can read, have a wrong password like anybody else', async () => {
  await db.query(`INSERT INTO users (username, username_key, password_hash) VALUES ('odd', 'odd', '{SSHA}x')`)
  const answers = await Promise.all(['good-2', 'odd', 'native', 'nobody-at-all'].map((name) => logIn(name, 'wrong')))
  const seen = answers.map(({ status, text, headers }) => {
    const { date: _date, 'x-request-id': _id, ...others } = Object.fromEntries(headers)
    return JSON.stringify([status, text, others])
  })
  expect(new Set(seen).size).toBe(1)
  expect(answers[0]).toMatchObject({ status: 401, body: { error: 'invalid_credentials' } })
  await expect
    .poll(async () => (await db.query(`SELECT detail FROM security_events WHERE type = 'login_refused'`)).rows)
    .toContainEqual({ detail: expect.objectContaining({ reason: 'unreadable_hash' }) })
})

test('a file that is not there is one line', async () => {
  expect(await runAdmin(server.env, '', 'user', 'import', '/nowhere.jsonl')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^admin: cannot read \/nowhere.jsonl: ENOENT[^\n]*\n$/),
  })
})

test('lines may come from standard input, with a byte order mark and without a last line feed', async () => {
  const line = '\ufeff{"username":"piped","password_hash":null}'
  expect(await runAdmin(server.env, line, 'user', 'import', '-')).toMatchObject({ code: 0, answer: { imported: 1 } })
})

test('a user who was deleted does not come back with the file, to be deleted again by the next restore', async () => {
  const id = '1f0e0d0c-0b0a-4908-8706-050403020100'
  const gone = { username: 'gone', password_hash: null, id }
  expect((await importLines(gone)).answer).toMatchObject({ imported: 1 })
  expect((await runAdmin(server.env, '', 'user', 'delete', 'gone')).code).toBe(0)

  const again = await importLines(gone, { ...gone, username: 'heir' }, { ...gone, id: null })
  expect(again).toMatchObject({ code: 1, answer: { imported: 1, refused: 2 } })
  expect(again.stderr).toContain('line 1: the user of this id was deleted')
  expect(again.stderr).toContain('line 2: the user of this id was deleted')
  const { id: anotherId } = await stored('gone')
  expect(anotherId).not.toBe(id)
  expect(await stored('heir')).toBeUndefined()
  expect((await runAdmin(server.env, '', 'user', 'delete-again')).answer).toEqual({ deleted_again: 0 })
  expect(await stored('gone')).toMatchObject({ id: anotherId })
})
