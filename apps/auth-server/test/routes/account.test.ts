import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/stores/database.ts'
import { openStores } from '../support/stores.ts'
import { PASSWORD, type TestServer, bearer, testServer } from '../support/server.ts'

const GONE_WRONG = { error: expect.any(String), error_description: expect.any(String) }

let server: TestServer
let database: Database
beforeAll(async () => {
  server = await testServer()
  ;({ database } = openStores(server))
})

const refresh = (refresh_token: string) => server.call('POST', '/auth/refresh', { refresh_token })

describe('POST /auth/register', () => {
  test('makes a user', async () => {
    const { status, body } = await server.call('POST', '/auth/register', { username: 'Ada', password: PASSWORD })
    expect([status, body]).toEqual([201, { id: expect.stringMatching(/^[0-9a-f-]{36}$/), username: 'Ada' }])
  })

  test.each([
    ['the same name', 'same.name', 'same.name'],
    ['the same name in other letters', 'LOUIS', 'louis'],
    ['the same name in full width', 'ｍａｒｙ', 'mary'],
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

describe('POST /auth/password', () => {
  test('is not kept from its owner by a guesser of logins, and counts its own attempts, right or wrong', async () => {
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
