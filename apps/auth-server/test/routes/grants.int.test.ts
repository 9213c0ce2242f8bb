import { beforeAll, expect, test } from 'vitest'
import { answerOf } from '../support/browser.ts'
import { type FlowServer, flowServer } from '../support/code-flow.ts'
import { FILES } from '../support/oauth-realm.ts'
import { bearer } from '../support/server.ts'

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})

/** A user who has allowed `spa` something and is logged in with our own application. */
async function visitor() {
  const { browser, user, code } = await server.allow('spa')
  const { body: spa } = await server.redeem('spa', code)
  const own = answerOf(await browser.get(server.address('own'))).parameters['code'] ?? ''
  const { body: account } = await server.redeem('own', own, { resource: server.url })
  const call = (method: string, path: string, token: string = account.access_token) =>
    server.send(path, { method, headers: bearer(token) })
  return { browser, user, spa, call, code }
}

test('a user sees what applications were allowed, and withdraws it: their sessions end, and no other does', async () => {
  const [{ browser, user, spa, call, code }, other] = [await visitor(), await visitor()]
  const { status, body } = await call('GET', '/auth/grants')
  expect([status, body]).toEqual([
    200,
    {
      grants: [
        {
          id: expect.any(String),
          client_id: 'spa',
          client_name: 'The spa',
          resources: [FILES],
          scopes: ['files:read', 'files:write'],
          created_at: expect.any(String),
        },
      ],
    },
  ])
  const path = `/auth/grants/${body.grants[0].id}`
  expect((await other.call('DELETE', path)).status).toBe(404)
  expect((await call('DELETE', path)).status).toBe(204)
  expect((await server.stored(code))?.revoked?.reason).toBe('consent_withdrawn')
  const refresh = { grant_type: 'refresh_token', refresh_token: spa.refresh_token, client_id: 'spa' }
  expect((await server.post('/oauth2/token', refresh)).body.error).toBe('invalid_grant')
  expect((await call('GET', '/auth/grants')).body).toEqual({ grants: [] })
  expect((await other.call('GET', '/auth/grants')).body.grants).toHaveLength(1)
  expect((await server.stored(other.code))?.revoked).toBeNull()
  expect((await call('DELETE', path)).status).toBe(404)
  // The application asks again.
  expect((await browser.get(server.address('spa'))).text).toContain('name="decision"')
  expect(server.events).toContainEqual({ type: 'consent_withdrawn', userId: user.id, clientId: 'spa', sessions: 1 })
})

test('an application that was allowed something sees and withdraws nothing', async () => {
  const { spa, call } = await visitor()
  for (const method of ['GET', 'DELETE']) {
    const path = method === 'GET' ? '/auth/grants' : `/auth/grants/${crypto.randomUUID()}`
    expect((await call(method, path, spa.access_token)).status).toBe(401)
  }
  for (const id of ['x', '..', crypto.randomUUID()])
    expect((await call('DELETE', `/auth/grants/${id}`)).status).toBe(404)
})
