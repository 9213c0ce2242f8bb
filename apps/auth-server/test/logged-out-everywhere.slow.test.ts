// A logout reaches services that ask nobody: real auth servers on real stores, and the real resource API. One polls the list
// of the issuer, which has a path. The other waits at another server, under an address inside of the network.
import { type Service, freePort, startService } from '@heirloom/local-stack'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin } from './support/admin.ts'
import { PASSWORD, type TestServer, bearer, testServer } from './support/server.ts'

const SOON = { timeout: 30_000, interval: 20 }
/** Longer than any test: a service that reads the list in time has waited for it, and has not polled. */
const NEVER_POLLED = '300'

let server: TestServer
let polling: Service
let waiting: Service

const started = async (script: string, env: Record<string, string>) => {
  const service = await startService({ script, env })
  afterAll(() => service.stop())
  await service.ready()
  return service
}

beforeAll(async () => {
  const port = String(await freePort())
  const ISSUER = `http://127.0.0.1:${port}/accounts/v1`
  const settings = { REFRESH_GRACE_SECONDS: '0', REFRESH_LATE_REPEAT_GAP: 'off' }
  server = await testServer({ ...settings, ISSUER, PORT: port, STATUS_TTL_SECONDS: '1' })
  const inside = await started('apps/auth-server', {
    ...server.env,
    PORT: String(await freePort()),
    STATUS_TTL_SECONDS: NEVER_POLLED,
  })
  polling = await started('apps/resource-api', { ISSUER })
  waiting = await started('apps/resource-api', {
    ISSUER,
    JWKS_URI: `${inside.url}/.well-known/jwks.json`,
    STATUS_MODE: 'closed',
    STATUS_WAIT_SECONDS: '20',
  })
}, 60_000)

const operator = async (...args: string[]) => (await admin(server.env, ...args)) && 204
const post = (path: string, body: object, token?: string) =>
  server.call('POST', path, body, token === undefined ? {} : bearer(token))
const logIn = async (username: string) => (await post('/auth/login', { username, password: PASSWORD })).body as Session

interface Session {
  access_token: string
  refresh_token: string
  session_id: string
}

/** What a service answers to a token. */
const answerOf = async (service: Service, token: string) => {
  const answer = await fetch(`${service.url}/api/me`, { headers: bearer(token) })
  return `${answer.status} ${((await answer.json()) as { error_description?: string }).error_description ?? ''}`.trim()
}
const REVOKED = '401 The access token has been revoked.'

/** Each ends the first session of a user who has two, and answers the status of the call. */
const WAYS: [string, (user: { username: string; first: Session; second: Session }) => Promise<number>][] = [
  ['logout', async ({ first }) => (await post('/auth/logout', { refresh_token: first.refresh_token })).status],
  ['logout of all sessions', async ({ second }) => (await post('/auth/logout/all', {}, second.access_token)).status],
  [
    'the end of one session',
    async ({ first, second }) => {
      const path = `/auth/sessions/${first.session_id}`
      return (await server.call('DELETE', path, undefined, bearer(second.access_token))).status
    },
  ],
  [
    'a new password',
    async ({ second }) => {
      const passwords = { current_password: PASSWORD, new_password: 'another long and quiet walk' }
      return (await post('/auth/password', passwords, second.access_token)).status
    },
  ],
  [
    'reuse of a refresh token',
    async ({ first: { refresh_token } }) => {
      await post('/auth/refresh', { refresh_token })
      const { status, body } = await post('/auth/refresh', { refresh_token })
      return body.error === 'invalid_grant' ? 204 : status
    },
  ],
  ['admin session revoke', ({ username }) => operator('session', 'revoke', username)],
  ['admin user disable', ({ username }) => operator('user', 'disable', username)],
  [
    'admin client disable',
    async ({ username }) => {
      await operator('client', 'disable', 'web')
      await operator('client', 'enable', 'web')
      // The server reads the realm every few seconds.
      await expect.poll(async () => (await logIn(username)).access_token, SOON).toBeDefined()
      return 204
    },
  ],
]

test.each(WAYS)(
  '%s ends a session at services that poll and at services that wait, and no other session',
  { timeout: 120_000 },
  async (way, end) => {
    const { username, tokens } = await server.login()
    const first = tokens as Session
    const second = await logIn(username)
    const bystander = (await server.login()).tokens as Session
    for (const { access_token: token } of [first, second, bystander])
      for (const service of [polling, waiting]) expect(await answerOf(service, token)).toBe('200')
    expect(await end({ username, first, second })).toBe(204)
    for (const service of [polling, waiting]) {
      await expect.poll(() => answerOf(service, first.access_token), SOON).toBe(REVOKED)
      if (way !== 'admin client disable') expect(await answerOf(service, bystander.access_token)).toBe('200')
    }
  },
)

test('a server that stops answers those who wait, and no live session is refused', { timeout: 120_000 }, async () => {
  const own = await started('apps/auth-server', { ...server.env, PORT: String(await freePort()) })
  const api = await started('apps/resource-api', {
    ISSUER: server.env['ISSUER'] ?? '',
    JWKS_URI: `${own.url}/.well-known/jwks.json`,
    STATUS_WAIT_SECONDS: '20',
  })
  const { tokens } = await server.login()
  expect(await answerOf(api, tokens.access_token)).toBe('200')
  await own.stop()
  expect(await answerOf(api, tokens.access_token)).toBe('200')
})
