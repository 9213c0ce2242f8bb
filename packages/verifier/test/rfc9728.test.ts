import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bearerAuth } from '../src/fastify.ts'
import {
  type Requirement,
  type ResourceOptions,
  authorizeRequest,
  connectBearer,
  connectResourceMetadata,
  createVerifier,
  localKeySet,
  resourceMetadataResponse,
} from '../src/index.ts'
import { ISSUER, NOW_SECONDS, claimsOf, makeKey, signToken } from './issuer.ts'

const key = makeKey('key-1')
const verifierOf = (audience: string, resource: ResourceOptions = {}) =>
  createVerifier({
    issuer: ISSUER,
    audience,
    resource,
    keys: localKeySet([key.jwk]),
    runtime: { now: () => NOW_SECONDS * 1000 },
  })
type Verifier = ReturnType<typeof verifierOf>

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const FILES = 'https://files.example/mcp'

describe('the document of RFC 9728, section 2', () => {
  it('names the resource as it was registered, the auth server, and one way to present a token', () => {
    expect(verifierOf(FILES).resource?.metadata).toEqual({
      resource: FILES,
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
    })
  })

  it('has scopes, a name and a page, if they are given', () => {
    const documentation = 'https://files.example/docs'
    const resource = verifierOf(FILES, { scopes: ['files:read', 'files:write'], name: 'Files', documentation }).resource
    expect(resource?.metadata).toMatchObject({
      scopes_supported: ['files:read', 'files:write'],
      resource_name: 'Files',
      resource_documentation: documentation,
    })
  })

  it('has no empty list (section 3.2)', () => {
    expect(verifierOf(FILES, { scopes: [] }).resource?.metadata).not.toHaveProperty('scopes_supported')
  })

  it('is not there unless it is asked for', () => {
    expect(createVerifier({ issuer: ISSUER, audience: FILES, keys: localKeySet([key.jwk]) }).resource).toBeUndefined()
  })

  it('of a service with a bare name has its public address', () => {
    expect(verifierOf('files', { url: FILES }).resource?.metadata.resource).toBe(FILES)
  })

  it.each<[string, string, ResourceOptions, string]>([
    ['a bare name without an address', 'files', {}, 'resource.url is needed: the audience "files" is a name'],
    ['an identifier that is no address', 'urn:example:files', {}, 'resource.url is needed'],
    ['a relative address', 'files', { url: '/mcp' }, 'resource.url must be'],
    ['a fragment', 'https://files.example/#x', {}, 'fragment'],
    ['a query', 'https://files.example/?x=1', {}, 'query'],
    ['a password', 'https://a:b@files.example/', {}, 'without user'],
    ['a path that frameworks read in different ways', 'https://files.example/:id', {}, 'The path of resource.url'],
    ['a quote', 'https://files.example/"', {}, 'The path of resource.url'],
    ['a string for scopes', FILES, { scopes: 'files:read' as unknown as string[] }, 'resource.scopes'],
    ['two scopes in one string', FILES, { scopes: ['files:read files:write'] }, 'resource.scopes'],
    ['a scope with a quote', FILES, { scopes: ['"'] }, 'resource.scopes'],
    ['offline_access', FILES, { scopes: ['files:read', 'offline_access'] }, 'offline_access'],
    ['a page without an address', FILES, { documentation: 'docs.html' }, 'resource.documentation'],
  ])('is refused when it is made, with %s', (_what, audience, resource, message) => {
    expect(() => verifierOf(audience, resource)).toThrow(TypeError)
    expect(() => verifierOf(audience, resource)).toThrow(message)
  })
})

describe('the addresses of RFC 9728, section 3.1', () => {
  it.each([
    ['https://files.example', `https://files.example${WELL_KNOWN}`, [WELL_KNOWN]],
    ['https://files.example/', `https://files.example${WELL_KNOWN}`, [WELL_KNOWN]],
    [
      'https://files.example:8443/mcp',
      `https://files.example:8443${WELL_KNOWN}/mcp`,
      [`${WELL_KNOWN}/mcp`, WELL_KNOWN],
    ],
    ['http://localhost/a/b', `http://localhost${WELL_KNOWN}/a/b`, [`${WELL_KNOWN}/a/b`, WELL_KNOWN]],
    [
      'https://files.example/mcp/',
      `https://files.example${WELL_KNOWN}/mcp/`,
      [`${WELL_KNOWN}/mcp/`, `${WELL_KNOWN}/mcp`, WELL_KNOWN],
    ],
  ])('of %s', (audience, metadataUrl, metadataPaths) => {
    expect(verifierOf(audience).resource).toMatchObject({ metadataUrl, metadataPaths })
  })
})

/** A service with one call that needs two scopes, under a path that nobody may guess. */
type Service = (
  verifier: Verifier,
  requirement: Requirement,
) => Promise<(path: string, init?: RequestInit) => Promise<Response>>
const SERVICES: [name: string, Service][] = [
  [
    'Fastify',
    async (verifier, { scope = '' }) => {
      const app = Fastify()
      await app.register(bearerAuth, { verifier })
      app.addHook('onRequest', app.authenticate)
      app.get('/call', { onRequest: scope.split(' ').map((one) => app.requireScope(one)) }, () => ({}))
      await app.listen()
      onTestFinished(() => app.close())
      const { port } = app.server.address() as AddressInfo
      return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init)
    },
  ],
  [
    'Connect',
    async (verifier, requirement) => {
      const metadata = connectResourceMetadata(verifier)
      const guard = connectBearer(verifier, requirement)
      const server = createServer((request, response) =>
        metadata(request, response, () => guard(request, response, () => response.end())),
      )
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => {
        server.closeAllConnections()
        server.close()
      })
      return (path, init) => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init)
    },
  ],
  [
    'fetch',
    async (verifier, requirement) => async (path, init) => {
      const request = new Request(`http://127.0.0.1${path}`, init)
      const metadata = resourceMetadataResponse(verifier, request)
      if (metadata) return metadata
      const caller = await authorizeRequest(verifier, request, requirement)
      return caller.ok ? new Response() : caller.response
    },
  ],
]

describe.each(SERVICES)('a client that knows nothing, at a service by %s', (_name, start) => {
  const verifier = verifierOf(FILES, { scopes: ['files:read', 'files:write'] })
  const requirement = { scope: 'files:read files:write' }
  const inChallenge = `scope="${requirement.scope}", resource_metadata="https://files.example${WELL_KNOWN}/mcp"`
  const bearer = (changes: object = {}) => ({
    headers: { authorization: `Bearer ${signToken(key, claimsOf({ aud: FILES, ...changes }))}` },
  })

  it('finds the metadata in the 401, absolute, whatever Host it sent', async () => {
    const send = await start(verifier, requirement)
    const spoofed = { host: 'evil.example', 'x-forwarded-host': 'evil.example' }
    for (const headers of [{}, spoofed]) {
      const response = await send('/call', { headers })
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, `Bearer ${inChallenge}`])
    }
    const bad = await send('/call', bearer({ aud: 'https://other.example' }))
    expect([bad.status, bad.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer error="invalid_token", ${inChallenge}`,
    ])
  })

  it('learns of all scopes in one 403, also when it has one of them', async () => {
    const send = await start(verifier, requirement)
    for (const scope of ['files:read', 'files:write', 'other', undefined]) {
      const response = await send('/call', bearer({ scope }))
      const challenge = response.headers.get('www-authenticate')
      expect([response.status, challenge]).toEqual([403, `Bearer error="insufficient_scope", ${inChallenge}`])
    }
    expect((await send('/call', bearer(requirement))).status).toBe(200)
  })

  it('reads the document without a token at both addresses, from a page of any origin', async () => {
    const send = await start(verifier, requirement)
    for (const path of [WELL_KNOWN, `${WELL_KNOWN}/mcp`, `${WELL_KNOWN}/mcp?x=1`]) {
      const response = await send(path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toMatch(/^application\/json/)
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(await response.json()).toEqual(verifier.resource?.metadata)
      const preflight = await send(path, { method: 'OPTIONS' })
      expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, '*'])
      const head = await send(path, { method: 'HEAD' })
      expect([head.status, await head.text()]).toEqual([200, ''])
    }
  })

  it('is served nothing else there', async () => {
    const send = await start(verifier, requirement)
    for (const path of [`${WELL_KNOWN}/other`, `${WELL_KNOWN}s`, '/.well-known/']) {
      expect((await send(path)).status).not.toBe(200)
    }
    const written = await send(WELL_KNOWN, { method: 'POST', body: '{}' })
    expect(written.ok).toBe(false)
  })
})

it('a service without `resource` names no metadata, and can serve none', async () => {
  const verifier = createVerifier({ issuer: ISSUER, audience: FILES, keys: localKeySet([key.jwk]) })
  const app = Fastify()
  await app.register(bearerAuth, { verifier })
  app.get('/', { onRequest: app.authenticate }, () => ({}))
  expect((await app.inject('/')).headers['www-authenticate']).toBe('Bearer')
  expect((await app.inject(WELL_KNOWN)).statusCode).toBe(404)
  await app.close()
  expect(() => connectResourceMetadata(verifier)).toThrow(TypeError)
  expect(() => resourceMetadataResponse(verifier, new Request(FILES))).toThrow(TypeError)
})

describe('the Fastify plugin', () => {
  it('leaves the address to a route of the application', async () => {
    const app = Fastify()
    app.get(WELL_KNOWN, () => ({ own: true }))
    await app.register(bearerAuth, { verifier: verifierOf('https://files.example') })
    expect((await app.inject(WELL_KNOWN)).json()).toEqual({ own: true })
    await app.close()
  })

  it('refuses to serve the document under a prefix, where no client looks for it', async () => {
    const app = Fastify()
    const verifier = verifierOf(FILES)
    const mcp: FastifyPluginAsync = async (scope) => {
      await scope.register(bearerAuth, { verifier })
    }
    const registered = app.register(mcp, { prefix: '/mcp' })
    await expect(registered).rejects.toThrow('bearerAuth is registered under /mcp')
  })

  it('names the scopes of the guards of a whole scope and of its routes together', async () => {
    const app = Fastify()
    await app.register(bearerAuth, { verifier: verifierOf('https://files.example') })
    await app.register(async (scope) => {
      scope.addHook('onRequest', scope.requireScope('files:read'))
      scope.get('/write', { onRequest: scope.requireScope('files:write') }, () => ({}))
    })
    const challenges = ['files:read', 'files:write', ''].map(async (scope) => {
      const token = signToken(key, claimsOf({ aud: 'https://files.example', scope: scope || undefined }))
      const response = await app.inject({ url: '/write', headers: { authorization: `Bearer ${token}` } })
      return /scope="(.*?)"/.exec(response.headers['www-authenticate'] as string)?.[1]
    })
    expect(new Set(await Promise.all(challenges))).toEqual(new Set(['files:read files:write']))
    await app.close()
  })
})
