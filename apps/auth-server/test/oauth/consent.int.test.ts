import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { adminOn } from '../support/admin.ts'
import { basic } from '../support/basic.ts'
import { answerOf, isConsent } from '../support/browser.ts'
import { FLOW_CLIENTS, type FlowServer, NATIVE_SCHEME, flowServer } from '../support/code-flow.ts'
import { FILES, MAIL, secretOf } from '../support/oauth-realm.ts'

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})
afterEach(() => server.setClients(FLOW_CLIENTS))

test('the consent page is remembered for what was allowed, and comes back for more', async () => {
  const [browser, user] = [server.browser(), await server.user()]
  const asked = (changes: object) => browser.get(server.address('site', { resource: FILES, ...changes }))
  const first = await browser.submit(await asked({ scope: 'files:read' }), user.fields)
  expect([isConsent(first), first.text.includes('May files:write')]).toEqual([true, false])
  await browser.submit(first, { decision: 'allow' })
  expect(answerOf(await asked({ scope: 'files:read' })).parameters['code']).toBeDefined()
  expect(isConsent(await asked({}))).toBe(true)
  expect(isConsent(await asked({ scope: 'files:read', prompt: 'consent' }))).toBe(true)
  expect(answerOf(await asked({ prompt: 'none' })).parameters['error']).toBe('consent_required')
  // The user has no role for mail, so nothing is left of it to ask for.
  expect(answerOf(await asked({ resource: MAIL })).parameters['error']).toBe('invalid_scope')
})

test('the consent page that is denied gives no code, and nothing is remembered', async () => {
  const [browser, user] = [server.browser(), await server.user()]
  const consent = await browser.submit(await browser.get(server.address('spa')), user.fields)
  expect(answerOf(await browser.submit(consent, { decision: 'deny' })).parameters).toMatchObject({
    error: 'access_denied',
    iss: server.url,
  })
  expect(await server.core.consents.ofUser(user.id)).toEqual([])
  expect(isConsent(await browser.get(server.address('spa')))).toBe(true)
})

test('the consent page comes each time for a native application, and never for our own', async () => {
  const { browser } = await server.allow('spa')
  const native = await browser.get(server.address('native', { redirect_uri: NATIVE_SCHEME }))
  expect([isConsent(native), native.text.includes('com.example.cli:')]).toEqual([true, true])
  expect(isConsent(await browser.get(server.address('native')))).toBe(true)
  expect(answerOf(await browser.get(server.address('native', { prompt: 'none' }))).parameters['error']).toBe(
    'consent_required',
  )
  expect(answerOf(await browser.get(server.address('own'))).parameters['code']).toBeDefined()
})

test('an operator sees what a user has allowed, and withdraws it, which ends the sessions of that application', async () => {
  const { user, code, browser } = await server.allow('site')
  await browser.submit(await browser.get(server.address('spa')), { decision: 'allow' })
  await server.redeem('site', code, { resource: FILES }, basic('site', secretOf('site')))
  const grant = (...args: string[]) => adminOn(server.parts, 'grant', ...args)
  const { grants } = await grant('list', user.username)
  expect(grants).toHaveLength(2)
  expect(grants).toContainEqual({
    id: expect.any(String),
    client_id: 'site',
    resources: [FILES, MAIL],
    scopes: ['files:read', 'files:write'],
    created_at: expect.stringMatching(/Z$/),
  })
  expect(await grant('withdraw', user.username, 'site')).toEqual({ client_id: 'site', sessions_ended: 1 })
  expect((await server.stored(code))?.revoked?.reason).toBe('consent_withdrawn')
  await expect(grant('withdraw', user.username, 'site')).rejects.toThrow('has allowed nothing to the client "site"')
  expect((await grant('list', user.username)).grants).toMatchObject([{ client_id: 'spa' }])
  await expect(grant('list', 'nobody-known')).rejects.toThrow('there is no user "nobody-known"')
})

describe('a press on a consent page that shows less than is asked by now', () => {
  type Asked = { scopes: string[]; resources: string[]; roles: string[] }
  const LESS: Asked = { scopes: ['files:read'], resources: [FILES], roles: ['user'] }
  const ALL = ['files:read', 'files:write']
  const changes: [string, Asked, Partial<Asked>, string][] = [
    ['by a scope of the client', LESS, { scopes: ALL }, 'May files:write'],
    ['by a resource of the client', LESS, { resources: [FILES, MAIL] }, MAIL],
    ['by a role of the user', { ...LESS, scopes: ALL, roles: ['reader'] }, { roles: ['user'] }, 'May files:write'],
  ]

  /** A consent page that is out of date. */
  async function outdated(before: Asked, change: Partial<Asked>, prompt?: string) {
    const setClient = ({ scopes, resources }: Asked) =>
      server.setClients(FLOW_CLIENTS.map((one) => (one.id === 'site' ? { ...one, scopes, resources } : one)))
    setClient(before)
    const [browser, user] = [server.browser(), await server.user(before.roles)]
    const page = await browser.submit(await browser.get(server.address('site', { prompt })), user.fields)
    const after = { ...before, ...change }
    setClient(after)
    await server.core.accounts.change(user.id, { roles: after.roles })
    return { browser, user, page, after }
  }

  describe.each(changes)('%s', (_, before, change, more) => {
    test.each([undefined, 'login', 'consent'])(
      'allows nothing, and the page shows that (prompt %s)',
      async (prompt) => {
        const { browser, user, page, after } = await outdated(before, change, prompt)
        const again = await browser.submit(page, { decision: 'allow' })
        expect([page, again].map((one) => [isConsent(one), one.text.includes(more)])).toEqual([
          [true, false],
          [true, true],
        ])
        expect(await server.core.consents.ofUser(user.id)).toEqual([])
        const { code = '' } = answerOf(await browser.submit(again, { decision: 'allow' })).parameters
        const [scope, resources] = [after.scopes.join(' '), after.resources.join(' ')]
        expect(await server.stored(code)).toMatchObject({ scope, resources })
      },
    )

    test('still denies', async () => {
      const { browser, page } = await outdated(before, change)
      expect(answerOf(await browser.submit(page, { decision: 'deny' })).parameters['error']).toBe('access_denied')
    })
  })
})
