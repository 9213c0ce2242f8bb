import fastifyJwt, { type FastifyJWTOptions } from '@fastify/jwt'
import Fastify, { type FastifyRequest } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fastifyJwtOptions } from '../src/fastify-jwt.ts'
import { type KeySet, callerOf, createVerifier, localKeySet } from '../src/index.ts'
import { AUDIENCE, ISSUER, NOW_SECONDS, claimsOf, encode, makeKey, signToken } from './issuer.ts'
import { good, key, runtime, verifier } from './matrix.ts'

const ADDRESS = { issuer: ISSUER, audience: AUDIENCE }
const expired = signToken(key, claimsOf({ iat: NOW_SECONDS - 1_000, exp: NOW_SECONDS - 100 }))
const elsewhere = signToken(key, claimsOf({ aud: 'other-api' }))

/** A service whose one call is `jwtVerify()`, with Fastify's own answer to errors. */
async function serviceOf(options: FastifyJWTOptions, ofCall?: object) {
  const app = Fastify()
  await app.register(fastifyJwt, options)
  app.get('/', async (request) => {
    await request.jwtVerify(ofCall)
    return { user: request.user, caller: callerOf(request) }
  })
  onTestFinished(() => app.close())
  const ask = (token?: string, query = '') =>
    app.inject({ url: `/${query}`, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })
  return { app, ask }
}

describe('a service that kept request.jwtVerify()', () => {
  it('finds the claims at request.user, and typed with callerOf', async () => {
    const { ask } = await serviceOf(fastifyJwtOptions(verifier))
    expect((await ask(good)).json()).toEqual({ user: claimsOf(), caller: claimsOf() })
  })

  it.each([
    ['no token', undefined, '', 401, 'FST_JWT_NO_AUTHORIZATION_IN_HEADER', 'Bearer'],
    ['an expired token', expired, '', 401, 'FST_JWT_AUTHORIZATION_TOKEN_EXPIRED', 'Bearer error="invalid_token"'],
    ['a wrong token', elsewhere, '', 401, 'FST_JWT_AUTHORIZATION_TOKEN_INVALID', 'Bearer error="invalid_token"'],
    ['nonsense', 'x.y.z', '', 401, 'FST_JWT_AUTHORIZATION_TOKEN_INVALID', 'Bearer error="invalid_token"'],
    ['a token twice', good, '?access_token=x', 400, 'FST_JWT_BAD_REQUEST', 'Bearer error="invalid_request"'],
  ])('answers %s with the code that its clients know', async (_what, token, query, status, code, challenge) => {
    const { ask } = await serviceOf(fastifyJwtOptions(verifier))
    const answer = await ask(token, query)
    expect(answer.json()).toMatchObject({ statusCode: status, code, message: expect.any(String) })
    expect(answer.headers['www-authenticate']).toBe(challenge)
  })

  it('tells clients that know nothing where its metadata are', async () => {
    const resource = { url: 'https://api.example' }
    const { ask } = await serviceOf(
      fastifyJwtOptions(createVerifier({ ...ADDRESS, keys: localKeySet([key.jwk]), runtime, resource })),
    )
    expect((await ask()).headers['www-authenticate']).toBe(
      'Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource"',
    )
  })

  it('has no 500 for a payload that is no object, even while the keys are fetched', async () => {
    const keys: KeySet = { get: () => undefined, isEmpty: false, refetchForUnknownKid: async () => {} }
    const { ask } = await serviceOf(fastifyJwtOptions(createVerifier({ ...ADDRESS, keys, runtime })))
    for (const payload of ['[]', 'null', '"x"', '{', '']) {
      expect((await ask(signToken(key, payload))).statusCode).toBe(401)
    }
    expect((await ask(good)).statusCode).toBe(401)
  })

  it('waits for a key that is fetched for its first token', async () => {
    const inner = localKeySet([key.jwk])
    let isThere = false
    const keys: KeySet = {
      get: (kid) => (isThere ? inner.get(kid) : undefined),
      isEmpty: false,
      refetchForUnknownKid: async () => void (isThere = true),
    }
    const { ask } = await serviceOf(fastifyJwtOptions(createVerifier({ ...ADDRESS, keys, runtime })))
    expect((await ask(good)).statusCode).toBe(200)
  })

  it('refuses a token that it has seen, once its key is gone or its time is over', async () => {
    const keys = localKeySet([key.jwk])
    let nowSeconds = NOW_SECONDS
    const own = createVerifier({ ...ADDRESS, keys, runtime: { now: () => nowSeconds * 1000 } })
    const { ask } = await serviceOf(fastifyJwtOptions(own))
    const statuses = async () => [(await ask(good)).statusCode, (await ask(good)).statusCode]
    expect(await statuses()).toEqual([200, 200])
    nowSeconds += 900 + 10
    expect(await statuses()).toEqual([401, 401])
    nowSeconds = NOW_SECONDS
    expect(await statuses()).toEqual([200, 200])
    keys.replace([makeKey('key-2').jwk])
    expect(await statuses()).toEqual([401, 401])
  })

  it('goes by the clock and the tolerance of the verifier alone', async () => {
    const then = 1_000_000_000
    const own = createVerifier({ ...ADDRESS, keys: localKeySet([key.jwk]), runtime: { now: () => then * 1000 } })
    const past = signToken(key, claimsOf({ iat: then - 900, exp: then - 9, auth_time: then - 900 }))
    expect((await (await serviceOf(fastifyJwtOptions(own))).ask(past)).statusCode).toBe(200)
    const future = signToken(key, claimsOf({ nbf: NOW_SECONDS + 9 }))
    expect((await (await serviceOf(fastifyJwtOptions(verifier))).ask(future)).statusCode).toBe(200)
  })

  it('cannot change what another request with the same token gets', async () => {
    const app = Fastify()
    await app.register(fastifyJwt, fastifyJwtOptions(verifier))
    app.get('/', async (request) => {
      const { roles } = await request.jwtVerify<{ roles: string[] }>()
      roles.push('admin')
      return roles
    })
    const headers = { authorization: `Bearer ${good}` }
    expect((await app.inject({ url: '/', headers })).statusCode).toBe(500)
    await app.close()
  })
})

describe('no option widens what is accepted', () => {
  const stranger = makeKey('key-1')
  const pem = stranger.publicKey.export({ type: 'spki', format: 'pem' })
  const unsigned = `${encode({ alg: 'none', typ: 'at+jwt', kid: 'key-1' })}.${good.split('.')[1]}.`

  /** Decodes first, as some services do, so that the token of the header is known. */
  async function statusOf(token: string, ofService: object, ofCall?: object): Promise<number> {
    const app = Fastify()
    await app.register(fastifyJwt, { ...fastifyJwtOptions(verifier), ...ofService })
    app.get('/', async (request) => {
      await request.jwtDecode().catch(() => {})
      return request.jwtVerify(ofCall)
    })
    onTestFinished(() => app.close())
    return (await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).statusCode
  }

  it.each<[string, object, string, number]>([
    ['a key of its own', { key: pem }, signToken(stranger, claimsOf()), 401],
    ['another key for a good token', { key: pem }, good, 401],
    ['no signature', { key: '', algorithms: ['none'] }, unsigned, 401],
    ['another audience', { allowedAud: 'other-api' }, elsewhere, 401],
    ['any age', { ignoreExpiration: true, clockTolerance: 1e9 }, expired, 401],
    ['another token', { extractToken: () => elsewhere }, good, 401],
    ['another token, in the newer form', { verify: { extractToken: () => elsewhere } }, good, 401],
    ['the parts of a token hidden', { decode: { complete: false } }, good, 500],
  ])('of a call: %s', async (_what, ofCall, token, status) => {
    expect(await statusOf(token, {}, ofCall)).toBe(status)
    expect(await statusOf(token, { trusted: () => true }, ofCall)).toBe(status)
  })

  it.each<[string, object, string, number]>([
    ['another place for the token', { verify: { extractToken: () => elsewhere } }, good, 401],
    ['no expectation', { verify: {} }, elsewhere, 401],
    ['the payload alone', { decode: {} }, elsewhere, 401],
    ['the payload alone, for a good token', { decode: {} }, good, 500],
    ['any token trusted', {}, elsewhere, 401],
  ])('of the service: %s', async (_what, ofService, token, status) => {
    expect(await statusOf(token, { ...ofService, trusted: () => true })).toBe(status)
  })

  it('nor the key that came late', async () => {
    const inner = localKeySet([key.jwk])
    let isThere = false
    const keys: KeySet = {
      get: (kid) => (isThere ? inner.get(kid) : undefined),
      isEmpty: false,
      refetchForUnknownKid: async () => void (isThere = true),
    }
    const own = createVerifier({ ...ADDRESS, keys, runtime })
    const { ask } = await serviceOf({ ...fastifyJwtOptions(own), trusted: () => true })
    expect((await ask(elsewhere)).json()).toMatchObject({ code: 'FST_JWT_AUTHORIZATION_TOKEN_INVALID' })
  })

  it('a check of the service is one more', async () => {
    const options = fastifyJwtOptions(verifier)
    const { ask } = await serviceOf({
      ...options,
      trusted: async (request, claims) => (await options.trusted(request, claims)) && claims['jti'] !== 'token-1',
    })
    expect((await ask(good)).statusCode).toBe(401)
    expect((await ask(signToken(key, claimsOf({ jti: 'token-2' })))).statusCode).toBe(200)
  })
})

it('takes the token from a cookie if the service says so', async () => {
  const { app } = await serviceOf(
    fastifyJwtOptions(verifier, { extractToken: ({ headers }) => headers.cookie?.replace('session=', '') }),
  )
  expect((await app.inject({ url: '/', headers: { cookie: `session=${good}` } })).statusCode).toBe(200)
  expect((await app.inject({ url: '/', headers: { authorization: `Bearer ${good}` } })).statusCode).toBe(401)
})

it('stands beside the tokens of before, whose registration has a namespace', async () => {
  const app = Fastify()
  await app.register(fastifyJwt, fastifyJwtOptions(verifier))
  await app.register(fastifyJwt, { secret: 'the secret of before', namespace: 'old', jwtVerify: 'verifyOld' })
  const { old, sign } = app.jwt as unknown as { old: typeof app.jwt; sign: (payload: object) => string }
  const accept = (request: FastifyRequest & { verifyOld?: () => Promise<unknown> }) =>
    request.jwtVerify().catch(() => request.verifyOld?.())
  app.get('/', { onRequest: accept }, (request) => request.user)
  const ask = async (token: string) =>
    (await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).json<{
      sub?: string
      code?: string
    }>()
  expect(await ask(good)).toMatchObject({ sub: 'user-1' })
  expect(await ask(old.sign({ sub: 'user-of-before' }))).toMatchObject({ sub: 'user-of-before' })
  expect(await ask(expired)).toMatchObject({ code: expect.any(String) })
  expect(() => sign({})).toThrow('unable to sign')
  await app.close()
})

it('app.jwt.verify, which has no request, accepts nothing', async () => {
  const { app } = await serviceOf(fastifyJwtOptions(verifier))
  await expect(app.jwt.verify(good) as unknown).rejects.toMatchObject({ code: 'FAST_JWT_KEY_FETCHING_ERROR' })
})
