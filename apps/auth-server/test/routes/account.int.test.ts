import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/postgres/database.ts'
import { openStores } from '../support/stores.ts'
import { PASSWORD, type TestServer, bearer, testServer } from '../support/server.ts'

const GONE_WRONG = { error: expect.any(String), error_description: expect.any(String) }

/** Distinct, so that no repetition is found in them. */
const UNSEEN = '\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u200b\u200c\u200d\u2060\ufeff'

let server: TestServer
let database: Database
beforeAll(async () => {
  server = await testServer()
  ;({ database } = openStores(server))
})

const refresh = (refresh_token: string) => server.call('POST', '/auth/refresh', { refresh_token })

describe('POST /auth/register', () => {
  test('creates a user', async () => {
    const { status, body } = await server.call('POST', '/auth/register', { username: 'Ada', password: PASSWORD })
    expect([status, body]).toEqual([201, { id: expect.stringMatching(/^[0-9a-f-]{36}$/), username: 'Ada' }])
  })

  test.each([
    ['the same name', 'same.name', 'same.name'],
    ['the same name in other letters', 'LOUIS', 'louis'],
    ['the same name in full width', 'ｍａｒｙ', 'mary'],
    ['the same name with another last letter', 'ΟΔΟΣ', 'οδοσ'],
  ])('409 for %s', async (_, first, second) => {
    expect((await server.call('POST', '/auth/register', { username: first, password: PASSWORD })).status).toBe(201)
    const { status, body } = await server.call('POST', '/auth/register', { username: second, password: PASSWORD })
    expect([status, body.error]).toEqual([409, 'username_taken'])
  })

  test.each([
    ['a short password', { username: 'bob', password: 'fourteen chars' }],
    ['a common one', { username: 'bob', password: 'passwordpassword' }],
    ['one made of the name', { username: 'robertine', password: 'robertinerobertine' }],
    ['one of more than 1,024 bytes', { username: 'bob', password: 'ü'.repeat(513) }],
    ['one character that stands for eighteen', { username: 'bob', password: 'ﷺ' }],
    ['two of them', { username: 'bob', password: 'ﷺ7' }],
    ['fifteen that nobody sees', { username: 'bob', password: UNSEEN }],
    [
      'fifteen that nobody sees and fourteen that somebody does',
      { username: 'bob', password: `${UNSEEN}walk down here` },
    ],
    [
      'spaces of all kinds',
      {
        username: 'bob',
        password: '\u0020\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000',
      },
    ],
    ['a name with a space', { username: 'b ob', password: PASSWORD }],
    ['a name with a bidi mark', { username: 'bob\u202e', password: PASSWORD }],
    ['a name with what cannot be seen', { username: 'bob\ufe0f', password: PASSWORD }],
    ['a name that begins with a mark', { username: '\u0301bob', password: PASSWORD }],
    ['no name', { password: PASSWORD }],
    ['a number for a name', { username: 7, password: PASSWORD }],
    ['an array', []],
  ])('400 for %s, and no user', async (_, body) => {
    const before = await database.user.count()
    const answer = await server.call('POST', '/auth/register', body)
    expect([answer.status, answer.body]).toEqual([400, { ...GONE_WRONG, error: 'invalid_request' }])
    expect(await database.user.count()).toBe(before)
  })

  test('takes any Unicode up to 1,024 bytes as a password', async () => {
    const password = '雨の日には傘を忘れずに出かけよう🌂'.repeat(20).slice(0, 330)
    expect((await server.call('POST', '/auth/register', { username: 'ame', password })).status).toBe(201)
    expect((await server.call('POST', '/auth/login', { username: 'ame', password })).status).toBe(200)
  })
})

describe('a password that could be set can be typed again', () => {
  // Four code points become one: 1,336 are typed, and 1,006 bytes are left.
  const long = `rain on the roof${'α\u0313\u0300\u0345'.repeat(330)}`
  const short = 'rain on the roof'

  test.each([
    ['long before it is normalised', 'long', long, long],
    ['and composed', 'composed', long, long.normalize('NFC')],
    ['with what is not seen', 'unseen', `\u200b${short}\u00ad`, `\u200b${short}\u00ad`],
  ])('%s', async (_, username, password, again) => {
    expect((await server.call('POST', '/auth/register', { username, password })).status).toBe(201)
    const login = await server.call('POST', '/auth/login', { username, password: again })
    expect(login.status).toBe(200)
    const change = await server.call(
      'POST',
      '/auth/password',
      { current_password: again, new_password: `${password}!` },
      bearer(login.body.access_token),
    )
    expect(change.status).toBe(204)
  })

  test('and a login never says that one is too long or too short', async () => {
    for (const password of ['x', 'ü'.repeat(4_000)])
      expect((await server.call('POST', '/auth/login', { username: 'nobody', password })).status).toBe(401)
  })
})

test('a hash of another kind is a wrong password, with an event that says so', async () => {
  const { username, tokens } = await server.login()
  const passwordHash = '{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ='
  const { userId } = await database.family.findUniqueOrThrow({ where: { sid: tokens.session_id } })
  for (const broken of [passwordHash, '$argon2id$v=19$m=19456', '', '-']) {
    await database.user.update({ where: { id: userId }, data: { passwordHash: broken } })
    const answer = await server.call('POST', '/auth/login', { username, password: PASSWORD })
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_credentials'])
  }
  const where = { userId, type: 'login_refused', detail: { path: ['reason'], equals: 'unreadable_hash' } }
  await expect.poll(() => database.securityEvent.findMany({ where })).toMatchObject([{ times: 4n }])
})

test('two users whose names have become one log in with their own spelling', async () => {
  // As an earlier version made the first of them.
  await server.call('POST', '/auth/register', { username: 'μίνως', password: PASSWORD })
  await database.user.update({ where: { usernameKey: 'μίνωσ' }, data: { usernameKey: 'μίνως' } })
  const other = await server.call('POST', '/auth/register', { username: 'μίνωσ', password: PASSWORD })
  expect(other.status).toBe(201)
  const loginOf = async (username: string) => {
    const { body } = await server.call('POST', '/auth/login', { username, password: PASSWORD })
    return (await server.call('GET', '/auth/me', undefined, bearer(body.access_token))).body.username
  }
  expect([await loginOf('ΜΊΝΩΣ'), await loginOf('μίνως'), await loginOf('μίνωσ')]).toEqual(['μίνως', 'μίνως', 'μίνωσ'])
})

describe('POST /auth/password', () => {
  test('is not blocked by failed logins of others, and counts its own attempts, right or wrong', async () => {
    const { username, tokens } = await server.login()
    const guess = () => server.call('POST', '/auth/login', { username, password: 'wrong' })
    await Promise.all(Array.from({ length: 11 }, guess))
    expect((await guess()).status).toBe(429)
    const change = (current_password: string) =>
      server.call(
        'POST',
        '/auth/password',
        { current_password, new_password: 'another long and quiet walk' },
        bearer(tokens.access_token),
      )
    expect((await change(PASSWORD)).status).toBe(204)
    const wrong = await Promise.all(Array.from({ length: 12 }, () => change('wrong')))
    expect(wrong.filter(({ status }) => status === 401)).toHaveLength(9)
    expect(wrong.filter(({ status }) => status === 429)).toHaveLength(3)
  })

  test('changes it and ends the other sessions', async () => {
    const { username, tokens } = await server.login()
    const other = (await server.call('POST', '/auth/login', { username, password: PASSWORD })).body
    const next = 'another long and quiet walk'
    const change = (current_password: string, new_password: string) =>
      server.call('POST', '/auth/password', { current_password, new_password }, bearer(tokens.access_token))

    expect((await change('wrong', next)).body.error).toBe('invalid_credentials')
    expect((await change(PASSWORD, 'short')).body.error).toBe('invalid_request')
    expect((await refresh(other.refresh_token)).status).toBe(200)
    expect((await change(PASSWORD, next)).status).toBe(204)
    expect((await refresh(other.refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(tokens.refresh_token)).status).toBe(200)
    expect((await server.call('POST', '/auth/login', { username, password: PASSWORD })).status).toBe(401)
    expect((await server.call('POST', '/auth/login', { username, password: next })).status).toBe(200)
  })
})

test('GET /auth/me', async () => {
  const { username, tokens } = await server.login()
  const { body, headers } = await server.call('GET', '/auth/me', undefined, bearer(tokens.access_token))
  expect(body).toMatchObject({ username, roles: ['user'] })
  expect(headers.get('cache-control')).toBe('no-store')
  const refused = await server.call('GET', '/auth/me')
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
})
