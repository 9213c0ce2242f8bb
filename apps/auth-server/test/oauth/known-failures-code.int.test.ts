import { beforeAll, describe, expect, test } from 'vitest'
import { basic } from '../support/basic.ts'
import { answerOf, isConsent, pkce } from '../support/browser.ts'
import { type FlowServer, NATIVE_SCHEME, flowServer, redirectOf } from '../support/code-flow.ts'
import { FILES, secretOf } from '../support/oauth-realm.ts'

// What other servers and kits got wrong with codes, and what the Model Context Protocol of 2026-07-28 asks of an authorization
// server. Each test names the report.

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})

const errorOf = ({ status, body }: { status: number; body: { error?: string } }) => [status, body.error]
/** Where an address leads, or the words of a page that leads nowhere. */
const ledTo = async (clientId: string, changes: Record<string, string | undefined>) => {
  const page = await server.browser().get(server.address(clientId, changes))
  return page.location === null ? page.status : answerOf(page)
}
/** A code that was presented wrongly is still good. */
const isUnspent = async (clientId: string, code: string, headers = {}) =>
  (await server.redeem(clientId, code, { resource: FILES }, headers)).status === 200

describe('the port of a loopback redirect must be the registered one (fastmcp#4152, #3589, MCP#3223, workers-oauth-provider#145, league#1515)', () => {
  test.each(['127.0.0.1', '[::1]', 'localhost'])(
    'any port of %s is taken, and nothing else is different',
    async (host) => {
      for (const port of ['', ':1', ':51234', ':65535'])
        expect(await ledTo('native', { redirect_uri: `http://${host}${port}/callback` })).toBe(200)
      for (const other of [
        `https://${host}:1/callback`,
        `http://${host}:1/callback/`,
        `http://${host}:1/Callback`,
        `http://${host}:1/callback?x=1`,
        `http://${host}:1/`,
        `http://user@${host}:1/callback`,
        `http://${host}.evil.example:1/callback`,
        `http://127.0.0.2:1/callback`,
      ])
        expect([other, await ledTo('native', { redirect_uri: other })]).toEqual([other, 400])
    },
  )
})

test.each([
  'https://spa.example:444/callback',
  'https://spa.example/callback/',
  'https://spa.example/callback?more=1',
  'https://spa.example/CALLBACK',
  'https://spa.example./callback',
  'https://spa.example@evil.example/callback',
  'https://sub.spa.example/callback',
  'https://spa.example/callback/..%2fevil',
  'http://spa.example/callback',
  NATIVE_SCHEME,
])('a redirect URI that only resembles a registered one is taken (MCP: exact match): %s', async (redirect_uri) => {
  expect(await ledTo('spa', { redirect_uri })).toBe(400)
})

describe('PKCE can be left out or weakened (CVE-2025-4144, workers-oauth-provider PR#27, league#1323, kanidm#1097)', () => {
  const { challenge, verifier } = pkce()
  test.each([
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['an empty challenge', { code_challenge: '' }],
    ['no method, which means plain', { code_challenge_method: undefined }],
    ['plain', { code_challenge: verifier, code_challenge_method: 'plain' }],
    ['another spelling of the method', { code_challenge_method: 's256' }],
  ])('at the authorization endpoint: %s', async (_, changes) => {
    expect(await ledTo('spa', changes)).toMatchObject({ parameters: { error: 'invalid_request', iss: server.url } })
  })

  test.each<[string, Record<string, string>]>([
    ['no verifier', { code_verifier: '' }],
    ['another verifier', { code_verifier: verifier }],
    ['the challenge as verifier', { code_verifier: challenge }],
  ])('at the token endpoint: %s', async (_, changes) => {
    const { code } = await server.allow('spa')
    expect((await server.redeem('spa', code, changes)).status).toBe(400)
    expect(await isUnspent('spa', code)).toBe(true)
  })
})

test('a code is not bound to its client (ZITADEL, CVE-2026-55672)', async () => {
  const { code } = await server.allow('spa')
  for (const other of ['native', 'own', 'no-refresh'])
    expect(errorOf(await server.redeem(other, code))).toEqual([400, 'invalid_grant'])
  const asSite = basic('site', secretOf('site'))
  expect(errorOf(await server.redeem('site', code, {}, asSite))).toEqual([400, 'invalid_grant'])
  expect(await isUnspent('spa', code)).toBe(true)
})

test('the registered authentication is not enforced for codes (workers-oauth-provider#276, CVE-2026-53512)', async () => {
  const { code } = await server.allow('site')
  const secret = secretOf('site')
  for (const form of [{}, { client_secret: secret }, { client_secret: 'x' }])
    expect(errorOf(await server.redeem('site', code, form))).toEqual([401, 'invalid_client'])
  const asOther = basic('site', secretOf('desk'))
  expect(errorOf(await server.redeem('site', code, {}, asOther))).toEqual([401, 'invalid_client'])
  expect(await isUnspent('site', code, basic('site', secret))).toBe(true)
})

test('`resource` is checked after the code is spent (workers-oauth-provider#246, #258)', async () => {
  const { code } = await server.allow('spa')
  for (const resource of ['https://mail.example/v1', 'https://unknown.example', `${FILES}/x`])
    expect(errorOf(await server.redeem('spa', code, { resource }))).toEqual([400, 'invalid_target'])
  expect(await isUnspent('spa', code)).toBe(true)
})

test('one client id for all installations: another login ends the first (workers-oauth-provider#299)', async () => {
  const { browser, code } = await server.allow('native')
  const first = (await server.redeem('native', code)).body
  const again = await browser.submit(await browser.get(server.address('native')), { decision: 'allow' })
  expect((await server.redeem('native', answerOf(again).parameters['code'] ?? '')).status).toBe(200)
  const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token, client_id: 'native' }
  expect((await server.post('/oauth2/token', form)).status).toBe(200)
})

test('there is a row for each registration, so anyone fills the tables (mcphub#1174, lion-reader#975, activepieces#15016)', async () => {
  const { body } = await server.send('/.well-known/oauth-authorization-server', {})
  expect(body).not.toHaveProperty('registration_endpoint')
  const clients = await server.database.realmClient.count()
  const form = JSON.stringify({ redirect_uris: ['https://evil.example/callback'] })
  const init = { method: 'POST', body: form, headers: { 'content-type': 'application/json' } }
  for (const path of ['/register', '/oauth2/register']) expect((await server.send(path, init)).status).toBe(404)
  expect(await server.database.realmClient.count()).toBe(clients)
})

test('the metadata do not say that PKCE is there, so clients refuse to go on (MCP)', async () => {
  const { body } = await server.send('/.well-known/oauth-authorization-server', {})
  expect(body).toMatchObject({
    issuer: server.url,
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  })
})

test('an error says nothing of who answers, so a client cannot tell a mix-up (MCP: RFC 9207, in errors too)', async () => {
  for (const [changes, error] of [
    [{ scope: 'everything' }, 'invalid_scope'],
    [{ resource: 'https://unknown.example' }, 'invalid_target'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ prompt: 'none' }, 'login_required'],
  ] as const)
    expect(await ledTo('spa', changes)).toMatchObject({ parameters: { error, iss: server.url, state: 'some state' } })
})

test('consent does not show where the answer goes, nor that any program may ask (MCP)', async () => {
  for (const [client, shown] of [
    ['spa', 'spa.example'],
    ['native', '127.0.0.1'],
  ] as const) {
    const [browser, user] = [server.browser(), await server.user()]
    const page = await browser.submit(await browser.get(server.address(client)), user.fields)
    expect(isConsent(page)).toBe(true)
    expect(page.text).toContain(shown)
    expect(page.text.includes('class="warning"')).toBe(client === 'native')
  }
})

test('the refresh tokens of public clients do not rotate (MCP)', async () => {
  const { code } = await server.allow('spa')
  const { refresh_token: first } = (await server.redeem('spa', code, { redirect_uri: redirectOf('spa') })).body
  const form = { grant_type: 'refresh_token', refresh_token: first, client_id: 'spa' }
  expect((await server.post('/oauth2/token', form)).body.refresh_token).not.toBe(first)
})
