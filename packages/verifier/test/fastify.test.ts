import Fastify, { type RouteOptions } from 'fastify'
import { describe, expect, it } from 'vitest'
import { bearerAuth } from '../src/fastify.ts'
import { callerOf, createVerifier } from '../src/index.ts'
import { AUDIENCE, claimsOf, makeKey, serve, signToken } from './issuer.ts'

const key = makeKey('key-1')
const nowSeconds = Math.floor(Date.now() / 1000)

async function setUp(securityScheme?: string) {
  const issuer: string = await serve((request, response) =>
    response.end(
      JSON.stringify(request.url === '/jwks' ? { keys: [key.jwk] } : { issuer, jwks_uri: `${issuer}/jwks` }),
    ),
  )
  const verifier = createVerifier({ issuer, audience: AUDIENCE })
  const app = Fastify()
  const routes: RouteOptions[] = []
  await app.register(bearerAuth, { verifier, ...(securityScheme ? { securityScheme } : {}) })
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onClose', async () => verifier.close())
  const token = signToken(key, claimsOf({ iss: issuer, iat: nowSeconds, exp: nowSeconds + 900, auth_time: nowSeconds }))
  return { app, routes, authorization: `Bearer ${token}` }
}

describe('the Fastify plugin', () => {
  it('finds the keys by the issuer alone, and lets even the first request wait for them', async () => {
    const { app, authorization } = await setUp()
    app.get('/', { onRequest: app.authenticate }, (request) => ({ sub: callerOf(request).sub }))
    expect((await app.inject({ url: '/', headers: { authorization } })).json()).toEqual({ sub: 'user-1' })
    await app.close()
  })

  it('leaves routes without a guard alone, and guards whole scopes by a hook', async () => {
    const { app, authorization } = await setUp()
    app.get('/open', (request) => ({ user: (request as { user?: unknown }).user ?? null }))
    app.get('/forgotten', (request) => callerOf(request))
    await app.register(async (scope) => {
      scope.addHook('onRequest', scope.authenticate)
      scope.get('/closed', (request) => ({ user: callerOf(request).sub }))
    })
    expect((await app.inject({ url: '/open', headers: { authorization } })).json()).toEqual({ user: null })
    expect((await app.inject({ url: '/forgotten', headers: { authorization } })).statusCode).toBe(500)
    expect((await app.inject('/closed')).statusCode).toBe(401)
    expect((await app.inject({ url: '/closed', headers: { authorization } })).json()).toEqual({ user: 'user-1' })
    await app.close()
  })

  it('writes what a guarded route needs into its schema, and nothing into others', async () => {
    const { app, routes } = await setUp('token')
    const schema = { headers: { type: 'object' } }
    app.get('/open', async () => ({}))
    app.get('/any', { onRequest: app.authenticate }, async () => ({}))
    app.get('/all', { onRequest: [app.requireScope('a b'), app.requireRole('admin')], schema }, async () => ({}))
    await app.ready()
    const schemaOf = (url: string) => routes.find((route) => route.url === url && route.method === 'GET')?.schema
    expect(schemaOf('/open')).toBeUndefined()
    expect(schemaOf('/any')).toMatchObject({ security: [{ token: [] }], response: { 401: {} } })
    expect(schemaOf('/any')).not.toHaveProperty('response.403')
    expect(schemaOf('/all')).toMatchObject({
      headers: { type: 'object' },
      security: [{ token: ['a', 'b', 'admin'] }],
      response: { 401: {}, 403: { description: 'The access token lacks a and b and admin.' } },
    })
    await app.close()
  })
})
