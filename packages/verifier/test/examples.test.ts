import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { AUDIENCE, claimsOf, makeKey, serve, signToken } from './issuer.ts'

const key = makeKey('key-1')

/** An issuer for the examples, by the setting that they read. */
async function startIssuer() {
  const issuer: string = await serve((request, response) =>
    response.end(
      JSON.stringify(request.url === '/jwks' ? { keys: [key.jwk] } : { issuer, jwks_uri: `${issuer}/jwks` }),
    ),
  )
  vi.stubEnv('ISSUER', issuer)
  onTestFinished(() => void vi.unstubAllEnvs())
  const now = Math.floor(Date.now() / 1000)
  const token = signToken(key, claimsOf({ iss: issuer, aud: AUDIENCE, iat: now, exp: now + 900, auth_time: now }))
  return { headers: { authorization: `Bearer ${token}` } }
}

it('examples/fastify.ts', async () => {
  const good = await startIssuer()
  const { app } = await import('../examples/fastify.ts')
  app.log.level = 'silent'
  onTestFinished(() => app.close())
  expect((await app.inject({ url: '/me', ...good })).json()).toEqual({ sub: 'user-1' })
  expect((await app.inject({ url: '/reports', ...good })).statusCode).toBe(200)
  expect((await app.inject({ url: '/stats', ...good })).statusCode).toBe(403)
  expect((await app.inject('/me')).statusCode).toBe(401)
})

it('examples/connect.ts', async () => {
  const good = await startIssuer()
  const { server, verifier } = await import('../examples/connect.ts')
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    verifier.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  expect(await (await fetch(url, good)).text()).toBe('Reports for user-1\n')
  expect((await fetch(url)).status).toBe(401)
})

it('examples/fetch.ts', async () => {
  const good = await startIssuer()
  const { handle, verifier } = await import('../examples/fetch.ts')
  onTestFinished(() => verifier.close())
  expect(await (await handle(new Request('http://api.example/', good))).json()).toEqual({ reports: [], for: 'user-1' })
  expect((await handle(new Request('http://api.example/'))).status).toBe(401)
})
