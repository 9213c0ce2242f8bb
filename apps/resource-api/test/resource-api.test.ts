import { type KeyObject, createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createMetrics } from '@heirloom/http-service'
import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'

const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = { ...key.publicKey.export({ format: 'jwk' }), kid: 'key-1', alg: 'RS256', use: 'sig' }

/** An issuer that publishes one key, and a status list in which entry 3 is revoked. Returns its address. */
async function startIssuer(): Promise<string> {
  const server = createServer((request, response) => {
    const keys = request.url === '/.well-known/jwks.json'
    if (request.url === '/status/0') return response.end(statusList(issuer))
    return response.end(
      JSON.stringify(keys ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/.well-known/jwks.json` }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return issuer
}

function statusList(of: string): string {
  const lst = deflateSync(Uint8Array.of(1 << 3)).toString('base64url')
  const list = { sub: `${of}/status/0`, iat: now, exp: now + 600, ttl: 5, status_list: { bits: 1, lst } }
  const input = inputOf(list, { typ: 'statuslist+jwt' })
  return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`
}

let issuer: string
let app: ReturnType<typeof buildApp>

const metrics = createMetrics()
const start = (from: string, registry = createMetrics()) =>
  buildApp(readConfig({ ISSUER: from, LOG_LEVEL: 'silent' }), registry)

beforeAll(async () => {
  issuer = await startIssuer()
  app = start(issuer, metrics)
  await vi.waitFor(
    async () => {
      if ((await app.inject('/readyz')).statusCode !== 200) throw new Error('not ready')
    },
    { timeout: 20_000 },
  )
})
afterAll(() => app.close())

const now = Math.floor(Date.now() / 1000)
const claimsOf = (changes: object = {}) => ({
  iss: issuer,
  aud: 'resource-api',
  sub: 'user-1',
  client_id: 'web',
  sid: 'session-1',
  jti: 'token-1',
  iat: now,
  exp: now + 900,
  auth_time: now,
  scope: 'reports:read',
  roles: ['user'],
  ...changes,
})
const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
const inputOf = (claims: object, header: object) =>
  `${encode({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1', ...header })}.${encode(claims)}`

function tokenOf(changes: object = {}, header: object = {}, privateKey: KeyObject = key.privateKey): string {
  const input = inputOf(claimsOf(changes), header)
  return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
}

const call = (method: 'GET' | 'POST', url: string, token?: string, payload?: object) =>
  app.inject({
    method,
    url,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(payload && { payload }),
  })

it('says at /readyz why it has no keys, and which address it asked', async () => {
  const named = issuer.replace('127.0.0.1', 'localhost')
  const other = start(named)
  const readyz = async () => (await other.inject('/readyz')).json().error_description
  const asked = `${named}/.well-known/oauth-authorization-server`
  await expect.poll(readyz).toContain(`${asked}: metadata: of another issuer, '${issuer}'`)
  await other.close()
})

/** In every challenge, whatever Host a request has. */
const METADATA = 'resource_metadata="http://127.0.0.1:4001/.well-known/oauth-protected-resource"'

it('tells a client that knows nothing where to get a token, and for what', async () => {
  const answer = await call('GET', '/.well-known/oauth-protected-resource')
  expect(answer.json()).toEqual({
    resource: 'http://127.0.0.1:4001',
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    scopes_supported: ['reports:read', 'reports:write'],
    resource_name: 'Reports',
  })
  const wrong = await app.inject({ method: 'DELETE', url: '/.well-known/oauth-protected-resource' })
  expect(wrong.statusCode).toBe(405)
})

describe('the calls', () => {
  it('GET /api/public needs nothing', async () => {
    expect((await call('GET', '/api/public')).statusCode).toBe(200)
  })

  it('GET /api/me answers the caller, from the claims', async () => {
    const answer = await call('GET', '/api/me', tokenOf())
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ sub: 'user-1', client_id: 'web', scope: 'reports:read', roles: ['user'] })
  })

  it('a client without a user may read what its scope says, has no name and is no administrator', async () => {
    const token = tokenOf({ sub: 'web', sid: undefined, auth_time: undefined, roles: undefined })
    const answer = await call('GET', '/api/me', token)
    expect(answer.json()).toEqual({
      sub: 'web',
      client_id: 'web',
      scope: 'reports:read',
      expires_at: expect.any(String),
    })
    expect((await call('GET', '/api/reports', token)).statusCode).toBe(200)
    expect((await call('GET', '/api/admin/stats', token)).statusCode).toBe(403)
  })

  it('nothing between a user and a client is let in', async () => {
    expect((await call('GET', '/api/me', tokenOf({ sid: undefined }))).statusCode).toBe(401)
    expect((await call('GET', '/api/me', tokenOf({ roles: undefined }))).statusCode).toBe(401)
    const nobody = { sid: undefined, auth_time: undefined, roles: undefined }
    expect((await call('GET', '/api/me', tokenOf(nobody))).statusCode).toBe(401)
  })

  it('a token for several services, and without a scope, gets where no scope is needed', async () => {
    const token = tokenOf({ aud: ['resource-api', issuer], scope: undefined })
    expect((await call('GET', '/api/me', token)).json()).not.toHaveProperty('scope')
    expect((await call('GET', '/api/reports', token)).statusCode).toBe(403)
  })

  it('GET /api/reports needs reports:read', async () => {
    expect((await call('GET', '/api/reports', tokenOf())).json()).toMatchObject({ reports: expect.any(Array) })
    expect((await call('GET', '/api/reports', tokenOf({ scope: 'other' }))).statusCode).toBe(403)
  })

  it('POST /api/reports needs reports:write, and a good body', async () => {
    const writer = tokenOf({ scope: 'reports:read reports:write' })
    const made = await call('POST', '/api/reports', writer, { title: 'Tides', unknown: 1 })
    expect(made.statusCode).toBe(201)
    expect(made.json()).toMatchObject({ title: 'Tides', author: 'user-1' })
    for (const body of [{}, { title: 7 }, { title: '' }, { title: 'x'.repeat(201) }]) {
      const answer = await call('POST', '/api/reports', writer, body)
      expect(answer.statusCode).toBe(400)
      expect(answer.json()).toMatchObject({ error: 'invalid_request' })
    }
    const refused = await call('POST', '/api/reports', tokenOf(), { title: 'Tides' })
    expect(refused.statusCode).toBe(403)
    expect(refused.headers['www-authenticate']).toBe(
      `Bearer error="insufficient_scope", scope="reports:write", ${METADATA}`,
    )
  })

  it('GET /api/admin/stats needs the role admin', async () => {
    const answer = await call('GET', '/api/admin/stats', tokenOf({ roles: ['user', 'admin'] }))
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ tokens: { verified: expect.any(Number) } })
    const refused = await call('GET', '/api/admin/stats', tokenOf())
    expect(refused.statusCode).toBe(403)
    expect(refused.json()).toMatchObject({ error: 'insufficient_scope' })
  })

  it.each([
    ['GET', '/api/me', ''],
    ['GET', '/api/reports', 'scope="reports:read", '],
    ['POST', '/api/reports', 'scope="reports:write", '],
    ['GET', '/api/admin/stats', ''],
  ] as const)('%s %s without a token is 401, with the way to a token and no error', async (method, url, scope) => {
    const answer = await call(method, url)
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toBe(`Bearer ${scope}${METADATA}`)
    expect(Object.keys(answer.json())).toEqual(['error', 'error_description'])
  })

  it('answers unknown addresses and wrong methods', async () => {
    expect((await app.inject('/api/unknown')).statusCode).toBe(404)
    const wrong = await app.inject({ method: 'DELETE', url: '/api/me' })
    expect(wrong.statusCode).toBe(405)
    expect(wrong.headers['allow']).toContain('GET')
  })
})

describe('the token of a session that was ended', () => {
  const of = (idx: number, list = 0) => tokenOf({ status: { status_list: { idx, uri: `${issuer}/status/${list}` } } })

  it('is 401, and those of other sessions are not', async () => {
    expect((await call('GET', '/api/me', of(2))).statusCode).toBe(200)
    const refused = await call('GET', '/api/me', of(3))
    expect(refused.statusCode).toBe(401)
    expect(refused.headers['www-authenticate']).toBe(`Bearer error="invalid_token", ${METADATA}`)
    expect(refused.json()).toEqual({ error: 'invalid_token', error_description: 'The access token has been revoked.' })
  })

  it('passes where its list cannot be had, and the metrics say so', async () => {
    expect((await call('GET', '/api/me', of(3, 1))).statusCode).toBe(200)
    const text = await metrics.metrics()
    expect(text).toMatch(/^heirloom_status_unchecked 1$/m)
    expect(text).toMatch(/^heirloom_tokens_refused_total\{reason="token_revoked"\} \d+$/m)
    expect(text).toMatch(/^heirloom_status_list_fetches_total\{result="failed"\} 1$/m)
    expect(text).toMatch(/^heirloom_status_list_bytes 1$/m)
  })
})

describe('a wrong token', () => {
  const hs256 = () => {
    const input = inputOf(claimsOf(), { alg: 'HS256' })
    const secret = key.publicKey.export({ format: 'pem', type: 'spki' })
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const WRONG: Record<string, () => string[]> = {
    'cut short': () => [tokenOf().slice(0, -1), tokenOf().slice(0, -100), tokenOf().split('.').slice(0, 2).join('.')],
    'of another issuer': () => [tokenOf({ iss: 'http://127.0.0.1:1' })],
    'of another audience': () => [tokenOf({ aud: 'other-api' }), tokenOf({ aud: ['other-api'] })],
    expired: () => [tokenOf({ iat: now - 1000, exp: now - 100 })],
    'unsigned, in any spelling': () =>
      ['none', 'None', 'NONE', 'nOnE'].flatMap((alg) => [`${inputOf(claimsOf(), { alg })}.`, tokenOf({}, { alg })]),
    'HS256 with the public key': () => [hs256()],
    'signed by a stranger': () => [tokenOf({}, {}, stranger.privateKey)],
    'with a jwk': () => [tokenOf({}, { jwk: stranger.publicKey.export({ format: 'jwk' }) }, stranger.privateKey)],
    'with a jku or x5u': () => [tokenOf({}, { jku: `${issuer}/jwks.json` }), tokenOf({}, { x5u: `${issuer}/cert` })],
    'with an unknown crit': () => [tokenOf({}, { crit: ['x'], x: 1 })],
    'with an unknown kid': () => [tokenOf({}, { kid: 'unknown' })],
    'of typ JWT': () => [tokenOf({}, { typ: 'JWT' })],
  }

  it.each(Object.entries(WRONG))('%s is 401 invalid_token', async (_what, tokens) => {
    for (const token of tokens()) {
      const answer = await call('GET', '/api/me', token)
      expect(answer.statusCode).toBe(401)
      expect(answer.headers['www-authenticate']).toBe(`Bearer error="invalid_token", ${METADATA}`)
      expect(answer.json()).toMatchObject({ error: 'invalid_token' })
    }
  })

  it('in the query string is none', async () => {
    expect((await app.inject(`/api/me?access_token=${tokenOf()}`)).statusCode).toBe(401)
  })
})

describe('without its issuer', () => {
  it('lives, is not ready, and answers 503 to tokens', async () => {
    const alone = start('http://127.0.0.1:1')
    onTestFinished(() => alone.close())
    expect((await alone.inject('/livez')).statusCode).toBe(200)
    expect((await alone.inject('/readyz')).statusCode).toBe(503)
    expect((await alone.inject('/api/public')).statusCode).toBe(200)
    const headers = { authorization: `Bearer ${tokenOf()}` }
    await expect.poll(async () => (await alone.inject({ url: '/api/me', headers })).statusCode).toBe(503)
  })
})
