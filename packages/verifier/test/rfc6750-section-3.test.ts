import { type Server, createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Requirement,
  answerRefusal,
  authorizeRequest,
  callerOf,
  connectBearer,
  createVerifier,
  localKeySet,
  unmetRequirement,
} from '../src/index.ts'
import { bearerAuth } from '../src/fastify.ts'
import { type TokenRefusedError, fastifyJwtOptions } from '../src/fastify-jwt.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')
const options = { issuer: ISSUER, audience: AUDIENCE, runtime: { now: () => NOW_SECONDS * 1000 } }
const verifier = createVerifier({ ...options, keys: localKeySet([key.jwk]) })
const keyless = createVerifier({ ...options, keys: { get: () => undefined, isEmpty: true } })

const NEEDS: Record<string, Requirement> = {
  '/any': {},
  '/read': { scope: 'reports:read' },
  '/both': { scope: 'reports:read reports:write' },
  '/admin': { role: 'admin' },
}

type Send = (
  path: string,
  headers?: [string, string][],
) => Promise<{ status: number; challenge: string | null; body: unknown; retryAfter: string | null }>

/** Sends raw HTTP/1.1, since no client sends a header twice. */
const sendTo =
  (server: (path: string) => Server): Send =>
  (path, headers = []) =>
    new Promise((resolve, reject) => {
      let text = ''
      const socket = connect((server(path).address() as AddressInfo).port, '127.0.0.1', () => {
        const lines = [['host', 'api.example'], ['connection', 'close'], ...headers].map(
          ([name, value]) => `${name}: ${value}`,
        )
        socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
      })
      socket.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      socket.on('error', reject).on('end', () => {
        const [head = '', body = ''] = text.split('\r\n\r\n')
        const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1] ?? null
        resolve({
          status: Number(head.split(' ')[1]),
          challenge: header('www-authenticate'),
          retryAfter: header('retry-after'),
          body: JSON.parse(body),
        })
      })
    })

/** A service that kept `request.jwtVerify()`, and answers refusals as the adapters do. */
const jwtServiceOf = (own: typeof verifier) => {
  const app = Fastify()
  void app.register(fastifyJwt, fastifyJwtOptions(own))
  void app.after(() => {
    for (const path of [...Object.keys(NEEDS), '/keyless']) {
      const requirement = NEEDS[path] ?? {}
      app.get(path, async (request, reply) => {
        const refusal = await request.jwtVerify().then(
          () => unmetRequirement(requirement, callerOf(request)),
          (error: TokenRefusedError) => error.refusal,
        )
        if (!refusal) return request.user
        const { status, headers, body } = answerRefusal(refusal, requirement, own.resource)
        return reply.code(status).headers(headers).send(body)
      })
    }
  })
  return app
}

const jwt = jwtServiceOf(verifier)
const keylessJwt = jwtServiceOf(keyless)
const fastify = Fastify()
const keylessFastify = Fastify()
const server = createServer((request, response) => {
  const [path = ''] = (request.url ?? '').split('?')
  const of = path === '/keyless' ? keyless : verifier
  connectBearer(of, NEEDS[path])(request, response, () => response.end(JSON.stringify(callerOf(request))))
})
beforeAll(async () => {
  await fastify.register(bearerAuth, { verifier })
  fastify.get('/any', { onRequest: fastify.authenticate }, (request) => callerOf(request))
  fastify.get('/read', { onRequest: fastify.requireScope('reports:read') }, (request) => callerOf(request))
  fastify.get('/both', { onRequest: [fastify.requireScope('reports:read reports:write')] }, (request) =>
    callerOf(request),
  )
  fastify.get('/admin', { onRequest: fastify.requireRole('admin') }, (request) => callerOf(request))
  await keylessFastify.register(bearerAuth, { verifier: keyless })
  keylessFastify.get('/keyless', { onRequest: keylessFastify.authenticate }, async () => ({}))
  await Promise.all([fastify, keylessFastify, jwt, keylessJwt].map((app) => app.listen()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await Promise.all([fastify, keylessFastify, jwt, keylessJwt].map((app) => app.close()))
  server.close()
})

const viaFetch: Send = async (path, headers = []) => {
  const [route = ''] = path.split('?')
  const request = new Request(`http://api.example${path}`, { headers: new Headers(headers) })
  const result = await authorizeRequest(route === '/keyless' ? keyless : verifier, request, NEEDS[route])
  if (result.ok) return { status: 200, challenge: null, retryAfter: null, body: result.claims }
  const { status, headers: sent } = result.response
  return {
    status,
    challenge: sent.get('www-authenticate'),
    retryAfter: sent.get('retry-after'),
    body: await result.response.json(),
  }
}

const bearer = (token: string): [string, string] => ['authorization', `Bearer ${token}`]
const good = signToken(key, claimsOf())

describe.each<[string, Send]>([
  ['Fastify', sendTo((path) => (path === '/keyless' ? keylessFastify : fastify).server)],
  ['Connect', sendTo(() => server)],
  ['fetch', viaFetch],
  ['@fastify/jwt', sendTo((path) => (path === '/keyless' ? keylessJwt : jwt).server)],
])('RFC 6750 by %s', (name, send) => {
  it('section 2.1: takes the token from the Authorization header, the scheme in any case', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'Bearer  ']) {
      const { status, body } = await send('/any', [['Authorization', `${scheme} ${good}`]])
      expect(status).toBe(200)
      expect(body).toMatchObject({ sub: 'user-1' })
    }
  })

  it('section 3: no token is answered with a bare challenge', async () => {
    const without: [string, string][][] = [
      [],
      [['authorization', 'Basic dTpw']],
      [['authorization', `Bearerx ${good}`]],
      [['cookie', good]],
    ]
    for (const headers of without) {
      const { status, challenge, body } = await send('/any', headers)
      expect({ status, challenge }).toEqual({ status: 401, challenge: 'Bearer' })
      expect(body).toEqual({ error: 'invalid_token', error_description: expect.any(String) })
    }
  })

  it('section 2.3: a token in the query string is no token', async () => {
    expect(await send(`/any?access_token=${good}`)).toMatchObject({ status: 401, challenge: 'Bearer' })
  })

  it('section 2: more than one way to present a token is an invalid request', async () => {
    for (const query of ['access_token=', `x=1&access_token=${good}`, 'access%5Ftoken=x']) {
      const { status, challenge } = await send(`/any?${query}`, [bearer(good)])
      expect({ status, challenge }).toEqual({ status: 400, challenge: 'Bearer error="invalid_request"' })
    }
    expect((await send('/any?access_tokens=1', [bearer(good)])).status).toBe(200)
  })

  it('section 2: two Authorization headers are never accepted', async () => {
    const status = name === 'fetch' ? 401 : 400
    expect((await send('/any', [bearer(good), bearer(good)])).status).toBe(status)
    expect((await send('/any', [bearer(good), ['AUTHORIZATION', 'Basic dTpw']])).status).toBe(status)
  })

  it('section 3.1: a bad token is invalid_token, with the same text for every fault', async () => {
    const bad = [
      '',
      'x',
      `${good}x`,
      `${good} ${good}`,
      good.slice(0, -1),
      signToken(key, claimsOf({ aud: 'other' })),
      signToken(key, claimsOf({ iss: 'https://evil.example' })),
      signToken(key, claimsOf(), { kid: 'unknown' }),
      signToken(key, claimsOf(), { alg: 'none' }),
      signToken(key, claimsOf(), { typ: 'JWT' }),
      signToken(key, claimsOf(), { jku: 'https://evil.example' }),
      signToken(makeKey('key-1'), claimsOf()),
    ]
    for (const token of bad) {
      expect(await send('/any', [bearer(token)])).toEqual({
        status: 401,
        challenge: 'Bearer error="invalid_token"',
        retryAfter: null,
        body: { error: 'invalid_token', error_description: 'The access token is not valid for this service.' },
      })
    }
  })

  it('section 3: a 401 names the scopes that the call needs, so that a client asks for them at once', async () => {
    const missing = await send('/both')
    expect(missing).toMatchObject({ status: 401, challenge: 'Bearer scope="reports:read reports:write"' })
    const bad = await send('/read', [bearer('x')])
    expect(bad).toMatchObject({ status: 401, challenge: 'Bearer error="invalid_token", scope="reports:read"' })
  })

  it('section 3.1: the owner of a token learns that it has expired', async () => {
    const old = signToken(key, claimsOf({ iat: NOW_SECONDS - 1_000, exp: NOW_SECONDS - 100 }))
    expect(await send('/any', [bearer(old)])).toMatchObject({
      status: 401,
      challenge: 'Bearer error="invalid_token"',
      body: { error: 'invalid_token', error_description: 'The access token has expired.' },
    })
  })

  it('section 3.1: too little scope is insufficient_scope, with the scope that is needed', async () => {
    expect((await send('/read', [bearer(good)])).status).toBe(200)
    expect(await send('/both', [bearer(good)])).toMatchObject({
      status: 403,
      challenge: 'Bearer error="insufficient_scope", scope="reports:read reports:write"',
      body: { error: 'insufficient_scope' },
    })
    for (const scope of ['reports', 'reports:reads', 'reports:write', 'REPORTS:READ']) {
      expect((await send('/read', [bearer(signToken(key, claimsOf({ scope })))])).status).toBe(403)
    }
  })

  it('section 3.1: a missing role is too little as well', async () => {
    expect(await send('/admin', [bearer(good)])).toMatchObject({
      status: 403,
      challenge: 'Bearer error="insufficient_scope"',
      body: { error: 'insufficient_scope', error_description: 'This call needs the role admin.' },
    })
    expect((await send('/admin', [bearer(signToken(key, claimsOf({ roles: ['user', 'admin'] })))])).status).toBe(200)
  })

  it('having no keys is no fault of the token', async () => {
    expect(await send('/keyless', [bearer(good)])).toEqual({
      status: 503,
      challenge: null,
      retryAfter: '1',
      body: { error: 'temporarily_unavailable', error_description: expect.any(String) },
    })
  })
})
