import { beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})

test('publishes its key, and answers 304 if it has not changed', async () => {
  const { tokens } = await server.login()
  const { body, headers } = await server.call('GET', '/.well-known/jwks.json')
  const { kid } = JSON.parse(Buffer.from(tokens.access_token.split('.')[0], 'base64url').toString())
  expect(body.keys).toEqual([{ kty: 'RSA', n: expect.any(String), e: 'AQAB', kid, alg: 'RS256', use: 'sig' }])
  expect(headers.get('cache-control')).toBe('public, max-age=300')
  const etag = headers.get('etag') ?? ''
  const known = { 'if-none-match': `"x", W/${etag}` }
  for (const method of ['GET', 'HEAD']) {
    const same = await server.call(method, '/.well-known/jwks.json', undefined, known)
    expect([same.status, same.headers.get('content-length'), same.headers.get('etag')]).toEqual([304, null, etag])
  }
  const head = await server.call('HEAD', '/.well-known/jwks.json')
  expect([head.status, head.headers.get('content-length')]).toEqual([200, headers.get('content-length')])
})

test('the metadata name nothing that a standard client would try in vain', async () => {
  const { body } = await server.call('GET', '/.well-known/oauth-authorization-server')
  expect(body).toEqual({
    issuer: 'http://127.0.0.1:4000',
    jwks_uri: 'http://127.0.0.1:4000/.well-known/jwks.json',
    // RFC 8414, section 2: required.
    response_types_supported: [],
    scopes_supported: ['reports:read', 'reports:write'],
    service_documentation: 'http://127.0.0.1:4000/docs',
  })
})

test('OpenAPI and health', async () => {
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
    '/status/{list}',
  ])
  for (const path of ['/livez', '/readyz', '/docs']) expect((await server.call('GET', path)).status).toBe(200)
})

test('the docs are not blank over http on an address that is not loopback: they load nothing over https', async () => {
  const { headers } = await server.call('GET', '/docs')
  const policy = headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'self';")
  expect(policy).not.toContain('upgrade-insecure-requests')
})
