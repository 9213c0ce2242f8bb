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

test('the metadata name what there is, so that a standard client finds its way', async () => {
  const { body } = await server.call('GET', '/.well-known/oauth-authorization-server')
  const url = 'http://127.0.0.1:4000'
  expect(body).toEqual({
    issuer: url,
    jwks_uri: `${url}/.well-known/jwks.json`,
    authorization_endpoint: `${url}/oauth2/authorize`,
    token_endpoint: `${url}/oauth2/token`,
    revocation_endpoint: `${url}/oauth2/revoke`,
    introspection_endpoint: `${url}/oauth2/introspect`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    revocation_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    scopes_supported: ['reports:read', 'reports:write'],
    service_documentation: `${url}/docs`,
  })
})

test('OpenAPI and health', async () => {
  const { body } = await server.call('GET', '/openapi.json')
  const paths = Object.keys(body.paths).filter((path) => !path.startsWith('/admin/'))
  expect(paths.toSorted()).toEqual([
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/auth/grants',
    '/auth/grants/{id}',
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
    '/oauth2/introspect',
    '/oauth2/revoke',
    '/oauth2/token',
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
