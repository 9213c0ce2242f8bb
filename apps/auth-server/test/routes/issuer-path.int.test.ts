import { createVerifier } from '@heirloom/verifier'
import { freePort, startService } from '@heirloom/local-stack'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type TestServer, bearer, testServer } from '../support/server.ts'

/** An issuer that is a path of a host, as behind a proxy that serves other things too. */
let issuer: string
let server: TestServer
beforeAll(async () => {
  const port = await freePort()
  issuer = `http://127.0.0.1:${port}/accounts/v1`
  server = await testServer({ ISSUER: issuer, PORT: String(port) })
})

describe('an issuer with a path', () => {
  test('has its metadata where RFC 8414 says, and every address in them works', async () => {
    const metadata = (await server.call('GET', '/.well-known/oauth-authorization-server/accounts/v1?x=1')).body
    expect(metadata.issuer).toBe(issuer)
    expect((await fetch(metadata.jwks_uri)).status).toBe(200)
    for (const call of ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint']) {
      const body = new URLSearchParams({ token: 'x', grant_type: 'refresh_token' })
      expect((await fetch(metadata[call], { method: 'POST', body })).status).toBe(401)
    }
    const docs = await fetch(metadata.service_documentation)
    expect(docs.status).toBe(200)
    const [, script = ''] = /src="([^"]*swagger-initializer[^"]*)"/.exec(await docs.text()) ?? []
    expect((await fetch(new URL(script, metadata.service_documentation))).status).toBe(200)
    expect(await (await fetch(`${issuer}/openapi.json`)).json()).toMatchObject({ servers: [{ url: issuer }] })
  })

  test.each(['', '/accounts/v1'])('serves under %j: a proxy may take the path away or leave it', async (path) => {
    const tokens = (await server.login()).tokens
    expect((await server.call('GET', `${path}/auth/me`, undefined, bearer(tokens.access_token))).status).toBe(200)
    const refreshed = await server.call('POST', `${path}/auth/refresh`, { refresh_token: tokens.refresh_token })
    expect(refreshed.status).toBe(200)
    expect((await server.call('GET', `${path}/livez`)).status).toBe(200)
    expect((await server.call('GET', `${path}/.well-known/oauth-authorization-server`)).body.issuer).toBe(issuer)
  })

  test.each(['/accounts/v10/livez', '/accounts/livez', '/accounts/v1', '/x/accounts/v1/livez'])(
    '%s is nothing',
    async (path) => {
      expect((await server.call('GET', path)).status).toBe(404)
    },
  )

  test('is found by a verifier and by a resource service that know the issuer alone', async () => {
    const { tokens } = await server.login()
    const verifier = createVerifier({ issuer, audience: 'resource-api' })
    await verifier.ready()
    expect(await verifier.verify(tokens.access_token)).toMatchObject({ ok: true })
    verifier.close()
    const api = await startService({ script: 'apps/resource-api', env: { ISSUER: issuer } })
    onTestFinished(() => api.stop())
    await api.ready()
    const answer = await fetch(`${api.url}/api/me`, { headers: bearer(tokens.access_token) })
    expect(answer.status).toBe(200)
  })
})
