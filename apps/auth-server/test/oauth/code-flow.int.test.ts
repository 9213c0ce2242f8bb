import { beforeAll, expect, test } from 'vitest'
import { answerOf } from '../support/browser.ts'
import { type FlowServer, flowServer, redirectOf } from '../support/code-flow.ts'

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})

test('a user logs in, allows an application, and it gets tokens, which it refreshes', async () => {
  const [browser, user] = [server.browser(), await server.user()]
  const login = await browser.get(server.address('spa'))
  expect([login.status, login.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(login.text).toContain('The spa')
  const consent = await browser.submit(login, user.fields)
  expect([consent.status, consent.location]).toEqual([200, null])
  for (const shown of [user.username, 'The spa', 'May files:read', 'spa.example']) expect(consent.text).toContain(shown)
  const answer = await browser.submit(consent, { decision: 'allow' })
  expect(answer.status).toBe(303)
  const { to, parameters } = answerOf(answer)
  expect([to, parameters]).toEqual([
    redirectOf('spa'),
    { code: expect.stringMatching(/^hac_/), state: 'some state', iss: server.url },
  ])

  const { status, body } = await server.redeem('spa', parameters['code'] ?? '')
  expect([status, body.scope]).toEqual([200, 'files:read files:write'])
  const refreshed = await server.post('/oauth2/token', {
    grant_type: 'refresh_token',
    client_id: 'spa',
    refresh_token: body.refresh_token,
  })
  expect([refreshed.status, refreshed.body.session_id]).toEqual([200, body.session_id])
})
