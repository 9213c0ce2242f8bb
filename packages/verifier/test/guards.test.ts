import { once } from 'node:events'
import { type IncomingMessage, type RequestListener, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { bearerAuth } from '../src/fastify.ts'
import {
  type KeySet,
  type Requirement,
  type Refusal,
  authorizeRequest,
  callerOf,
  connectBearer,
  createVerifier,
  localKeySet,
} from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')
const options = { issuer: ISSUER, audience: AUDIENCE, runtime: { now: () => NOW_SECONDS * 1000 } }
const verifier = createVerifier({ ...options, keys: localKeySet([key.jwk]) })
const good = signToken(key, claimsOf())
const headers = { authorization: `Bearer ${good}` }

const listen = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  onTestFinished(() => server.close().closeAllConnections())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** A key set that is asked for keys and answers when the test lets it. */
function slowKeys() {
  const inner = localKeySet([key.jwk])
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let found = false
  const keys: KeySet = {
    get: (kid) => (found ? inner.get(kid) : undefined),
    isEmpty: true,
    refetchForUnknownKid: () => {
      asked.resolve()
      return answer.promise.then(() => void (found = true))
    },
  }
  return { verifier: createVerifier({ ...options, keys }), asked: asked.promise, answer: () => answer.resolve() }
}

describe('a time-out that answered before the keys were there', () => {
  it.each([good, signToken(makeKey('key-1'), claimsOf())])(
    'is the only answer of Express and Connect, and the process goes on',
    async (token) => {
      const slow = slowKeys()
      const handled = vi.fn<() => void>()
      const guard = connectBearer(slow.verifier)
      const url = await listen((request, response) => {
        guard(request, response, handled)
        void slow.asked.then(() => response.headersSent || response.writeHead(503).end('too late'))
      })
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
      expect([response.status, await response.text()]).toEqual([503, 'too late'])
      slow.answer()
      expect((await fetch(url)).status).toBe(401)
      expect(handled).not.toHaveBeenCalled()
    },
  )

  it('is the only answer of Fastify', async () => {
    const slow = slowKeys()
    const app = Fastify()
    const handled = vi.fn<() => void>()
    await app.register(bearerAuth, { verifier: slow.verifier })
    app.addHook('onRequest', (_request, reply, next) => {
      void slow.asked.then(() => reply.code(503).send('too late'))
      next()
    })
    app.get('/', { onRequest: app.authenticate }, handled)
    const response = await app.inject({ url: '/', headers })
    expect([response.statusCode, response.body]).toEqual([503, 'too late'])
    slow.answer()
    await app.close()
    expect(handled).not.toHaveBeenCalled()
  })
})

describe('a guard without a requirement', () => {
  const wrong = [
    { scope: undefined },
    { role: undefined },
    { scope: '' },
    { role: '' },
    { scope: 'a  b' },
    { scope: ['a'] },
    { role: 7 },
    { scopes: 'a' },
  ] as unknown as Requirement[]

  it.each(wrong)('is never made: %j', async (requirement) => {
    expect(() => connectBearer(verifier, requirement)).toThrow(TypeError)
    await expect(authorizeRequest(verifier, new Request('http://a.example', { headers }), requirement)).rejects.toThrow(
      TypeError,
    )
  })

  it('is never made in Fastify', async () => {
    const app = Fastify()
    await app.register(bearerAuth, { verifier })
    const nothing = undefined as unknown as string
    expect(() => app.requireRole(nothing)).toThrow('role')
    expect(() => app.requireScope(nothing)).toThrow('scope')
    await app.close()
  })
})

describe('a client without a user', () => {
  const alone = { sub: 'web', sid: undefined, auth_time: undefined, roles: undefined }
  const headersOf = (claims: object) => ({ authorization: `Bearer ${signToken(key, claimsOf({ ...claims }))}` })
  const statuses = async (claims: object) => {
    const requirements: Requirement[] = [{}, { scope: 'reports:read' }, { role: 'user' }]
    const app = Fastify()
    await app.register(bearerAuth, { verifier })
    app.get('/0', { onRequest: app.authenticate }, (request) => ({ sid: callerOf(request).sid ?? null }))
    app.get('/1', { onRequest: app.requireScope('reports:read') }, () => ({}))
    app.get('/2', { onRequest: app.requireRole('user') }, () => ({}))
    const url = await listen((request, response) =>
      connectBearer(verifier, requirements[Number(request.url?.slice(1))])(request, response, () => response.end()),
    )
    return Promise.all(
      requirements.map(async (requirement, i) => {
        const its = { headers: headersOf(claims) }
        const byFetch = await authorizeRequest(verifier, new Request(`http://a.example/${i}`, its), requirement)
        return [
          (await app.inject({ url: `/${i}`, ...its })).statusCode,
          (await fetch(`${url}${i}`, its)).status,
          byFetch.ok ? 200 : byFetch.response.status,
        ].join()
      }),
    )
  }

  it('is let in where a token or a scope is needed, and never where a role is', async () => {
    expect(await statuses(alone)).toEqual(['200,200,200', '200,200,200', '403,403,403'])
  })

  it('is refused if it has but a part of what a user has', async () => {
    expect(await statuses({ ...alone, roles: ['user'] })).toEqual(['401,401,401', '401,401,401', '401,401,401'])
  })
})

describe('why a request was refused', () => {
  it('reaches the log of an Express service, ten times a second at most', async () => {
    const refusals: [Refusal, IncomingMessage][] = []
    const guard = connectBearer(verifier, {}, { onRefusal: (...refusal) => void refusals.push(refusal) })
    const url = await listen((request, response) => guard(request, response, () => response.end()))
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => fetch(url, { headers: { authorization: 'Bearer x' } })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 401))
    expect(refusals).toHaveLength(10)
    expect(refusals[0]?.[0]).toMatchObject({ code: 'token_malformed', description: expect.any(String) })
    vi.advanceTimersByTime(1_000)
    await fetch(url)
    expect(refusals.at(-1)?.[0].code).toBe('token_missing')
    expect(refusals).toHaveLength(11)
  })

  it('reaches the log of a Fastify service at debug, or its own hook', async () => {
    const lines: string[] = []
    const app = Fastify({ logger: { level: 'debug', stream: { write: (line: string) => void lines.push(line) } } })
    await app.register(bearerAuth, { verifier })
    app.get('/', { onRequest: app.requireRole('admin') }, () => ({}))
    await app.inject({ url: '/', headers })
    await app.close()
    expect(lines.join('')).toContain('role_insufficient')
    expect(lines.join('')).not.toContain(headers.authorization.slice(7, 40))
  })
})

describe('beside @fastify/jwt', () => {
  const secret = 'a secret of the other plugin, for its own tokens'

  it.each(['first', 'last'])('starts and keeps callers apart: @fastify/jwt is registered %s', async (order) => {
    const app = Fastify()
    if (order === 'first') await app.register(fastifyJwt, { secret })
    await app.register(bearerAuth, { verifier })
    if (order === 'last') await app.register(fastifyJwt, { secret })
    app.get('/ours', { onRequest: app.authenticate }, (request) => ({ sub: callerOf(request).sub }))
    app.get('/theirs', (request) => request.jwtVerify())
    expect((await app.inject({ url: '/ours', headers })).json()).toEqual({ sub: 'user-1' })
    expect((await app.inject({ url: '/theirs', headers })).statusCode).not.toBe(200)
    const authorization = `Bearer ${app.jwt.sign({ sub: 'theirs' })}`
    expect((await app.inject({ url: '/theirs', headers: { authorization } })).json()).toMatchObject({ sub: 'theirs' })
    expect((await app.inject({ url: '/ours', headers: { authorization } })).statusCode).toBe(401)
    await app.close()
  })
})

it('takes a JWK set as it is published', async () => {
  const published = createVerifier({ ...options, keys: localKeySet({ keys: [key.jwk] }) })
  expect(await published.verify(headers.authorization.slice(7))).toMatchObject({ ok: true })
  const nothing = undefined as unknown as []
  expect(() => localKeySet(nothing)).toThrow('not a JWK set')
})
