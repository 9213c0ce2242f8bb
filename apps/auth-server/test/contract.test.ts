import { connect } from 'node:net'
import { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../src/stores/database.ts'
import { PASSWORD, type TestServer, bearer, testServer } from './support/server.ts'

const GONE_WRONG = { error: expect.any(String), error_description: expect.any(String) }

let server: TestServer
let database: Database
let redis: Redis

beforeAll(async () => {
  server = await testServer({ REFRESH_GRACE_SECONDS: '60' })
  database = openDatabase({ url: server.env['DATABASE_URL'] ?? '', poolSize: 2, statementTimeoutMs: 5_000 })
  redis = new Redis(server.redisUrl)
  return async () => {
    redis.disconnect()
    await database.$disconnect()
  }
})

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
const refresh = (refresh_token: string, more = {}) => server.call('POST', '/auth/refresh', { refresh_token, ...more })
/** The family behind a refresh token, as the stores name it. */
const familyOf = (token: string) => Buffer.from(token.slice(4), 'base64url').subarray(2, 18)

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

describe('POST /auth/login', () => {
  test('answers tokens that say what RFC 9068 wants', async () => {
    const { tokens } = await server.login()
    expect(tokens).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^hrt_[\w-]{72}$/),
      refresh_token_expires_in: 432_000,
      scope: 'reports:read',
      session_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const [header] = tokens.access_token.split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'RS256',
      typ: 'at+jwt',
      kid: expect.any(String),
    })
    const claims = claimsOf(tokens.access_token)
    expect(claims).toMatchObject({ aud: 'resource-api', client_id: 'web', sid: tokens.session_id, roles: ['user'] })
    expect(claims.exp - claims.iat).toBe(900)
  })

  test('is not kept by a cache', async () => {
    const { username } = await server.login()
    const { headers } = await server.call('POST', '/auth/login', { username, password: PASSWORD })
    expect(headers.get('cache-control')).toBe('no-store')
  })

  test('the same bytes for a wrong password and for a user who does not exist', async () => {
    const { username } = await server.login()
    const wrong = await server.call('POST', '/auth/login', { username, password: `${PASSWORD}!` })
    const unknown = await server.call('POST', '/auth/login', { username: 'nobody', password: PASSWORD })
    expect(wrong.status).toBe(401)
    expect(wrong.body.error).toBe('invalid_credentials')
    expect([unknown.status, unknown.text]).toEqual([wrong.status, wrong.text])
  })

  test('narrows the scope to what the roles grant, and refuses where nothing is left', async () => {
    const { username } = await server.login()
    const login = (scope: string) => server.call('POST', '/auth/login', { username, password: PASSWORD, scope })
    expect((await login('reports:read reports:write')).body.scope).toBe('reports:read')
    const { status, body } = await login('reports:write')
    expect([status, body.error]).toEqual([400, 'invalid_scope'])
  })

  test('400 for a client that is not known', async () => {
    const { username } = await server.login()
    const { status, body } = await server.call('POST', '/auth/login', {
      username,
      password: PASSWORD,
      client_id: 'other',
    })
    expect([status, body.error]).toEqual([400, 'invalid_client'])
  })

  test('429 with Retry-After after ten wrong ones, for that account alone, however many come at once', async () => {
    const { username } = await server.login()
    const other = await server.login()
    const tries = await Promise.all(
      Array.from({ length: 25 }, () => server.call('POST', '/auth/login', { username, password: 'wrong' })),
    )
    expect(tries.filter(({ status }) => status === 401)).toHaveLength(10)
    const refused = tries.find(({ status }) => status === 429)
    expect(refused?.body.error).toBe('too_many_attempts')
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await server.call('POST', '/auth/login', { username: other.username, password: PASSWORD })).status).toBe(
      200,
    )
  })
})

describe('POST /auth/refresh', () => {
  test('hands down the next token, of the same session', async () => {
    const { tokens } = await server.login()
    const { status, body, headers } = await refresh(tokens.refresh_token)
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body.session_id).toBe(tokens.session_id)
    expect(body.refresh_token).not.toBe(tokens.refresh_token)
    expect(claimsOf(body.access_token).auth_time).toBe(claimsOf(tokens.access_token).auth_time)
  })

  test('100 at once get one successor; the token before it then ends the family, in both stores', async () => {
    const { tokens } = await server.login()
    const answers = await Promise.all(Array.from({ length: 100 }, () => refresh(tokens.refresh_token)))
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(100).fill(200))
    const successors = new Set(answers.map(({ body }) => body.refresh_token))
    expect(successors.size).toBe(1)

    const [second = ''] = successors
    const third = (await refresh(second)).body.refresh_token
    const family = familyOf(second)
    expect(await redis.keys(`*${family.toString('base64url')}*`)).toHaveLength(1)
    expect(await database.family.count({ where: { sid: tokens.session_id } })).toBe(1)

    for (const token of [tokens.refresh_token, second, third, tokens.refresh_token]) {
      const { status, body } = await refresh(token)
      expect([status, body.error]).toEqual([400, 'invalid_grant'])
    }
    expect(await redis.hget(`heirloom:family:{${family.toString('base64url')}}`, 'revokedFor')).toBe('reuse')
    expect(await database.family.findUnique({ where: { id: family } })).toMatchObject({ revokedReason: 'reuse' })
  })

  test('a client that is named must be the one that logged in; nothing is consumed', async () => {
    const { tokens } = await server.login()
    const { status, body } = await refresh(tokens.refresh_token, { client_id: 'other' })
    expect([status, body.error]).toEqual([400, 'invalid_grant'])
    expect((await refresh(tokens.refresh_token, { client_id: 'web' })).status).toBe(200)
  })

  test.each(['', 'hrt_', 'x', `hrt_${'A'.repeat(72)}`, `hrt_${'A'.repeat(71)}=`])(
    'refuses what was never issued: %j',
    async (token) => {
      const { status, body } = await refresh(token)
      expect([status, body.error]).toEqual([400, 'invalid_grant'])
    },
  )

  test('refuses a token with one bit changed anywhere', async () => {
    const { tokens } = await server.login()
    const bytes = Buffer.from(tokens.refresh_token.slice(4), 'base64url')
    for (let i = 0; i < bytes.length; i++) {
      const forged = Buffer.from(bytes)
      forged[i] = (forged[i] ?? 0) ^ 1
      expect((await refresh(`hrt_${forged.toString('base64url')}`)).body.error).toBe('invalid_grant')
    }
    expect((await refresh(tokens.refresh_token)).status).toBe(200)
  })
})

/** Sends a refresh and goes away before its answer can come. */
const abandon = (refresh_token: string) =>
  new Promise<void>((resolve) => {
    const { hostname, port } = new URL(server.service.url)
    const body = JSON.stringify({ refresh_token })
    const head = 'POST /auth/refresh HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`, () => socket.destroy())
    })
    socket.on('error', () => undefined).on('close', () => resolve())
  })

test('a request that its client gave up, judged after the client went on, does not end the session', async () => {
  const [one, other] = [await server.login(), await server.login()]
  const goOn = async (first: string) => (await refresh((await refresh(first)).body.refresh_token)).body.refresh_token
  const [third] = [await goOn(one.tokens.refresh_token), await goOn(other.tokens.refresh_token)]
  await abandon(one.tokens.refresh_token)
  // Sent later and judged alike: when it is answered, the one before it has been judged.
  expect((await refresh(other.tokens.refresh_token)).body.error).toBe('invalid_grant')
  const next = await refresh(third)
  expect(next.status).toBe(200)
  // Who waits for the answer is judged as ever.
  expect((await refresh(one.tokens.refresh_token)).body.error).toBe('invalid_grant')
  expect((await refresh(next.body.refresh_token)).body.error).toBe('invalid_grant')
})

describe('POST /auth/logout', () => {
  test('ends the session, says 204 to anything, and leaves the access token to its end', async () => {
    const { tokens } = await server.login()
    const logout = (refresh_token: string) => server.call('POST', '/auth/logout', { refresh_token })
    expect((await logout(tokens.refresh_token)).status).toBe(204)
    expect((await refresh(tokens.refresh_token)).body.error).toBe('invalid_grant')
    expect((await logout(tokens.refresh_token)).status).toBe(204)
    expect((await logout('nonsense')).status).toBe(204)
    const { status, headers } = await server.call('GET', '/auth/me', undefined, bearer(tokens.access_token))
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"')
  })
})

describe('sessions', () => {
  test('lists, ends one, and ends all', async () => {
    const { username, tokens: first } = await server.login({ device: 'phone' })
    const login = async () =>
      (await server.call('POST', '/auth/login', { username, password: PASSWORD, device: 'laptop' })).body
    const second = await login()
    const third = await login()
    const list = async (token: string) => server.call('GET', '/auth/sessions', undefined, bearer(token))

    const { body } = await list(second.access_token)
    expect(body.sessions.map(({ id, current, device }: Record<string, unknown>) => [id, current, device])).toEqual([
      [third.session_id, false, 'laptop'],
      [second.session_id, true, 'laptop'],
      [first.session_id, false, 'phone'],
    ])
    expect(Object.keys(body.sessions[0]).toSorted()).toEqual([
      'created_at',
      'current',
      'device',
      'expires_at',
      'id',
      'ip',
      'last_used_at',
    ])

    const end = (id: string) => server.call('DELETE', `/auth/sessions/${id}`, undefined, bearer(second.access_token))
    expect((await end(first.session_id)).status).toBe(204)
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant')
    expect((await list(first.access_token)).status).toBe(401)
    expect((await end('nonsense')).body.error).toBe('not_found')

    const stranger = await server.login()
    const { status } = await end(stranger.tokens.session_id)
    expect(status).toBe(404)
    expect((await refresh(stranger.tokens.refresh_token)).status).toBe(200)

    const headers = { ...bearer(second.access_token), 'content-type': 'application/json' }
    expect((await server.call('POST', '/auth/logout/all', undefined, headers)).status).toBe(204)
    expect((await refresh(second.refresh_token)).status).toBe(400)
    expect((await refresh(third.refresh_token)).status).toBe(400)
  })
})

describe('POST /auth/password', () => {
  test('is not kept from its owner by a guesser of logins, and counts its own guesses', async () => {
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
    expect(wrong.filter(({ status }) => status === 401)).toHaveLength(10)
    expect(wrong.filter(({ status }) => status === 429)).toHaveLength(2)
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

describe('the rest of the contract', () => {
  test.each(['/nothing', '/docs/static/nothing.js'])('GET %s is nothing, in the shape of every error', async (path) => {
    const { status, body } = await server.call('GET', path)
    expect([status, body]).toEqual([404, { ...GONE_WRONG, error: 'not_found' }])
  })

  test('GET /auth/me', async () => {
    const { username, tokens } = await server.login()
    const { body, headers } = await server.call('GET', '/auth/me', undefined, bearer(tokens.access_token))
    expect(body).toMatchObject({ username, roles: ['user'] })
    expect(headers.get('cache-control')).toBe('no-store')
    const refused = await server.call('GET', '/auth/me')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  })

  test('publishes its key, and says when it is not changed', async () => {
    const { tokens } = await server.login()
    const { body, headers } = await server.call('GET', '/.well-known/jwks.json')
    const { kid } = JSON.parse(Buffer.from(tokens.access_token.split('.')[0], 'base64url').toString())
    expect(body.keys).toEqual([{ kty: 'RSA', n: expect.any(String), e: 'AQAB', kid, alg: 'RS256', use: 'sig' }])
    expect(headers.get('cache-control')).toBe('public, max-age=300')
    const etag = headers.get('etag') ?? ''
    const known = { 'if-none-match': `"x", W/${etag}` }
    const same = await server.call('GET', '/.well-known/jwks.json', undefined, known)
    expect([same.status, same.headers.get('content-length'), same.headers.get('etag')]).toEqual([304, null, etag])
  })

  test('metadata, OpenAPI and health', async () => {
    expect((await server.call('GET', '/.well-known/oauth-authorization-server')).body).toMatchObject({
      issuer: 'http://127.0.0.1:4000',
      jwks_uri: 'http://127.0.0.1:4000/.well-known/jwks.json',
    })
    const { body } = await server.call('GET', '/openapi.json')
    expect(Object.keys(body.paths).toSorted()).toEqual([
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/auth/login',
      '/auth/logout',
      '/auth/logout/all',
      '/auth/me',
      '/auth/password',
      '/auth/refresh',
      '/auth/register',
      '/auth/sessions',
      '/auth/sessions/{id}',
      '/livez',
      '/readyz',
    ])
    for (const path of ['/livez', '/readyz', '/docs']) expect((await server.call('GET', path)).status).toBe(200)
  })

  test.each([
    ['malformed JSON', 'POST', '/auth/login', '{"username":', {}, 400],
    [
      'a body of 2 MB',
      'POST',
      '/auth/login',
      JSON.stringify({ username: 'a', password: 'x'.repeat(2_000_000) }),
      {},
      413,
    ],
    [
      'another content type',
      'POST',
      '/auth/login',
      'username=a',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
    ],
    ['plain text', 'POST', '/auth/login', '{}', { 'content-type': 'text/plain' }, 415],
    ['wrong types', 'POST', '/auth/refresh', { refresh_token: 7 }, {}, 400],
    ['no body', 'POST', '/auth/login', undefined, { 'content-type': 'application/json' }, 400],
    ['missing fields', 'POST', '/auth/logout', {}, {}, 400],
    ['__proto__', 'POST', '/auth/refresh', '{"refresh_token":"x","__proto__":{"a":1}}', {}, 400],
    ['an unknown address', 'GET', '/nowhere', undefined, {}, 404],
    ['an unknown address, and malformed JSON', 'POST', '/nowhere', '{"username":', {}, 404],
    ['a wrong method', 'GET', '/auth/login', undefined, {}, 405],
  ])('%s', async (_, method, path, body, headers, status) => {
    const answer = await server.call(method, path, body, headers)
    expect([answer.status, answer.body]).toEqual([status, GONE_WRONG])
  })

  test('a body at one byte a second is cut off within ten seconds, and answered once', async () => {
    const { hostname, port } = new URL(server.service.url)
    const dripInto = (requestLine: string) =>
      new Promise<string>((resolve) => {
        let text = ''
        const socket = connect(Number(port), hostname, () => {
          socket.write(
            `${requestLine} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
          )
        })
        const drip = setInterval(() => socket.write('{'), 1_000)
        socket.on('data', (data) => (text += data.toString())).on('error', () => undefined)
        socket.on('close', () => {
          clearInterval(drip)
          resolve(text)
        })
      })
    const began = performance.now()
    const answers = await Promise.all([dripInto('POST /auth/login'), dripInto('POST /auth/password')])
    expect(performance.now() - began).toBeLessThan(10_000)
    const statuses = answers.map((answer) => answer.match(/(?<=^HTTP\/1.1 )\d+/gm))
    expect(statuses).toEqual([['408'], ['401']])
  })

  test('10,000 refreshes leave one row and one key', async () => {
    const { tokens } = await server.login()
    let token = tokens.refresh_token
    for (let i = 0; i < 10_000; i++) token = (await refresh(token)).body.refresh_token
    const family = familyOf(token)
    expect(family).toEqual(familyOf(tokens.refresh_token))
    expect(await redis.keys(`*${family.toString('base64url')}*`)).toHaveLength(1)
    await expect
      .poll(() => database.family.findMany({ where: { sid: tokens.session_id } }))
      .toMatchObject([{ redeemed: 10_000n }])
  }, 120_000)

  test('no secret reaches the log, Redis or Postgres in the clear', async () => {
    const { username, tokens } = await server.login()
    const next = (await refresh(tokens.refresh_token)).body
    await server.call('GET', `/auth/me?access_token=${tokens.access_token}`)
    await server.call('GET', `/${tokens.refresh_token}`)
    await server.call('POST', '/auth/login', `{"username":"${username}","password":"${PASSWORD}"`)
    await server.call('POST', '/auth/logout', { refresh_token: next.refresh_token })
    const secrets = [
      PASSWORD,
      tokens.access_token,
      tokens.refresh_token,
      next.access_token,
      next.refresh_token,
      'PRIVATE KEY',
    ]

    const hashes = await Promise.all((await redis.keys('heirloom:family:*')).map((key) => redis.hgetall(key)))
    const rows = await Promise.all([
      database.user.findMany(),
      database.family.findMany(),
      database.signingKey.findMany(),
    ])
    const text = JSON.stringify([hashes, await redis.keys('*'), rows], (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    )
    const log = server.service.output.join('\n')
    expect(log).toContain('security event')
    for (const secret of secrets) {
      expect(log).not.toContain(secret)
      expect(text).not.toContain(secret)
    }
  })
})
