import { connect } from 'node:net'
import type { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/postgres/database.ts'
import { byCookie } from '../support/by-cookie.ts'
import { openStores } from '../support/stores.ts'
import { PASSWORD, type TestServer, bearer, testServer } from '../support/server.ts'
import { claimsOf } from '../support/status-list.ts'

let own: TestServer
let database: Database
let redis: Redis
beforeAll(async () => {
  own = await testServer({ REFRESH_GRACE_SECONDS: '60' })
  ;({ database, redis } = openStores(own))
})

/** Everything below holds wherever the refresh token is kept. */
describe.each([
  ['in the body', 10_000, (server: TestServer) => server],
  ['in the cookie', 500, byCookie],
] as const)('a refresh token %s', (where, many, reach) => {
  let server: TestServer
  beforeAll(() => {
    server = reach(own)
  })

  const refresh = (refresh_token: string, more = {}) => server.call('POST', '/auth/refresh', { refresh_token, ...more })

  /** The family behind a refresh token, as the stores name it. */
  const familyOf = (token: string) => Buffer.from(token.slice(4), 'base64url').subarray(2, 18)

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
      expect(claims).toMatchObject({
        aud: ['resource-api', claims.iss],
        client_id: 'web',
        sid: tokens.session_id,
        roles: ['user'],
      })
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

    test('narrows the scope to what the roles grant, and refuses if nothing is left', async () => {
      const { username } = await server.login()
      const login = (scope: string) => server.call('POST', '/auth/login', { username, password: PASSWORD, scope })
      expect((await login('reports:read reports:write')).body.scope).toBe('reports:read')
      const { status, body } = await login('reports:write')
      expect([status, body.error]).toEqual([400, 'invalid_scope'])
    })

    test('narrows the audience to the resource that is asked for, and refuses an unknown one before the password', async () => {
      const { username } = await server.login()
      const login = async (resource: unknown, more = {}) => {
        const { status, body } = await server.call('POST', '/auth/login', {
          username,
          password: PASSWORD,
          resource,
          ...more,
        })
        if (status !== 200) return [status, body.error]
        const { body: next } = await refresh(body.refresh_token)
        const { aud, scope } = claimsOf(next.access_token)
        const first = claimsOf(body.access_token)
        expect([first.aud, first.scope, body.scope]).toEqual([aud, scope, scope])
        return [aud, scope]
      }
      const { iss } = claimsOf((await server.login()).tokens.access_token)
      expect(await login('resource-api')).toEqual(['resource-api', 'reports:read'])
      expect(await login([`${iss}/`, 'resource-api'])).toEqual([['resource-api', iss], 'reports:read'])
      expect(await login(iss)).toEqual([iss, undefined])
      expect(await login(['resource-api', 'files'], { password: 'wrong' })).toEqual([400, 'invalid_target'])
      expect(await login([])).toEqual([400, 'invalid_request'])
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

    test('a client id in a refresh must be that of the login; otherwise nothing is consumed', async () => {
      const { tokens } = await server.login()
      const { status, body } = await refresh(tokens.refresh_token, { client_id: 'other' })
      expect([status, body.error]).toEqual(
        where === 'in the body' ? [400, 'invalid_grant'] : [403, 'origin_not_allowed'],
      )
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

  test(`${many} refreshes leave one row and one key`, async () => {
    const { tokens } = await server.login()
    let token = tokens.refresh_token
    for (let i = 0; i < many; i++) token = (await refresh(token)).body.refresh_token
    const family = familyOf(token)
    expect(family).toEqual(familyOf(tokens.refresh_token))
    expect(await redis.keys(`*${family.toString('base64url')}*`)).toHaveLength(1)
    await expect
      .poll(() => database.family.findMany({ where: { sid: tokens.session_id } }))
      .toMatchObject([{ redeemed: BigInt(many) }])
  }, 120_000)

  /** Sends a refresh and hangs up before it is answered. */
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

  test('a request that its client gave up does not end the session if it is decided after the client went on', async () => {
    const [one, other] = [await server.login(), await server.login()]
    const goOn = async (first: string) => (await refresh((await refresh(first)).body.refresh_token)).body.refresh_token
    const [third] = [await goOn(one.tokens.refresh_token), await goOn(other.tokens.refresh_token)]
    await abandon(one.tokens.refresh_token)
    // This one is sent later and decided alike. When it is answered, the one before it was decided too.
    expect((await refresh(other.tokens.refresh_token)).body.error).toBe('invalid_grant')
    const next = await refresh(third)
    expect(next.status).toBe(200)
    // A client that waits for the answer still gets it.
    expect((await refresh(one.tokens.refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(next.body.refresh_token)).body.error).toBe('invalid_grant')
  })

  describe('POST /auth/logout', () => {
    test('ends the session, answers 204 to any token, and leaves the access token until it expires', async () => {
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
})
