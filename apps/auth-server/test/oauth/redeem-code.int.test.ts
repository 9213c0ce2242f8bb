import { Redis } from 'ioredis'
import { beforeAll, describe, expect, test } from 'vitest'
import { PAGES_CLIENT } from '../../src/rules/pages-client.ts'
import { withdrawConsent } from '../../src/services/authorize/withdraw-consent.ts'
import { changePassword } from '../../src/services/accounts/change-password.ts'
import { endAllSessions, endSession } from '../../src/services/sessions/sessions.ts'
import { basic } from '../support/basic.ts'
import { type Browser, answerOf, pkce } from '../support/browser.ts'
import { FLOW_CLIENTS, type FlowServer, flowServer, redirectOf } from '../support/code-flow.ts'
import { FILES, MAIL, secretOf } from '../support/oauth-realm.ts'
import { PASSWORD } from '../support/server.ts'
import { claimsOf } from '../support/status-list.ts'

let server: FlowServer
beforeAll(async () => {
  server = await flowServer()
})

const INVALID_GRANT = [400, 'invalid_grant']
const outcome = ({ status, body }: { status: number; body: { error?: string } }) =>
  status === 200 ? [200] : [status, body.error]

describe('a code', () => {
  test('gives tokens for what was granted, and the time of the login', async () => {
    const { browser, user } = await server.allow('spa')
    const code = answerOf(await browser.get(server.address('spa', { scope: 'files:read' }))).parameters['code'] ?? ''
    const { status, body, headers } = await server.redeem('spa', code, { redirect_uri: redirectOf('spa') })
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(body).toMatchObject({
      token_type: 'Bearer',
      scope: 'files:read',
      refresh_token: expect.stringMatching(/^hrt_/),
    })
    const family = await server.stored(code)
    const parent = await server.database.family.findUniqueOrThrow({ where: { sid: family?.parent ?? '' } })
    expect(claimsOf(body.access_token)).toMatchObject({
      sub: user.id,
      client_id: 'spa',
      aud: FILES,
      sid: body.session_id,
      auth_time: Math.floor(parent.createdAt.getTime() / 1000),
      roles: [],
    })
    expect(parent.clientId).toBe('heirloom:pages')
  })

  test('of a client that may not refresh gives no refresh token', async () => {
    const { code } = await server.allow('no-refresh')
    const { status, body } = await server.redeem('no-refresh', code)
    expect([status, body.access_token, body.refresh_token]).toEqual([200, expect.any(String), undefined])
  })

  test('is for one resource of the grant, which a refresh may change', async () => {
    const { browser, user } = await server.allow('spa')
    await server.core.accounts.change(user.id, { roles: ['user'] })
    const consent = await browser.get(server.address('site', { scope: 'files:read' }))
    const code = answerOf(await browser.submit(consent, { decision: 'allow' })).parameters['code'] ?? ''
    const redeem = (form: Record<string, string>) => server.redeem('site', code, form, basic('site', secretOf('site')))
    // Several resources were granted, so a token must name one; finding that out spends nothing.
    expect(outcome(await redeem({}))).toEqual([400, 'invalid_target'])
    expect(outcome(await redeem({ resource: 'https://unknown.example' }))).toEqual([400, 'invalid_target'])
    expect(outcome(await redeem({ resource: FILES, scope: 'mail:send' }))).toEqual([400, 'invalid_scope'])
    expect((await server.stored(code))?.redeemed).toBe(0)
    const { body } = await redeem({ resource: FILES })
    expect(claimsOf(body.access_token).aud).toBe(FILES)
  })
})

describe('a code that is presented wrongly', () => {
  const { verifier: another } = pkce()
  test.each<[string, Record<string, string>, unknown[]]>([
    ['with another verifier', { code_verifier: another }, INVALID_GRANT],
    ['without a verifier', { code_verifier: '' }, INVALID_GRANT],
    ['with another redirect URI', { redirect_uri: 'https://evil.example/' }, INVALID_GRANT],
    ['by another client', { client_id: 'native' }, INVALID_GRANT],
    ['by a client that has not this grant', { client_id: 'no-code' }, [400, 'unauthorized_client']],
    ['by nobody', { client_id: 'nobody' }, [401, 'invalid_client']],
    ['for a resource that was not granted', { resource: MAIL }, [400, 'invalid_target']],
    ['for a scope that was not granted', { scope: 'mail:send' }, [400, 'invalid_scope']],
    ['as a refresh token', { grant_type: 'refresh_token' }, [400, 'invalid_request']],
  ])('%s is refused, and nothing is spent', async (_, changes, refused) => {
    const { code } = await server.allow('spa')
    const before = await server.stored(code)
    expect(outcome(await server.redeem('spa', code, changes))).toEqual(refused)
    expect(await server.stored(code)).toEqual(before)
    expect(outcome(await server.redeem('spa', code))).toEqual([200])
  })

  test('is worth nothing at any other client, with its own secret', async () => {
    const passed: string[] = []
    for (const owner of ['spa', 'native', 'own', 'no-refresh']) {
      const { code } = await server.allow(owner)
      for (const { id, auth } of FLOW_CLIENTS) {
        if (id === owner) continue
        const headers = auth === 'client_secret_basic' ? basic(id, secretOf(id)) : {}
        const form = { grant_type: 'authorization_code', code, code_verifier: server.verifier }
        const { status } = await server.post(
          '/oauth2/token',
          { ...form, ...(auth === 'none' && { client_id: id }) },
          headers,
        )
        if (status === 200) passed.push(`${owner}'s by ${id}`)
      }
      expect((await server.stored(code))?.redeemed).toBe(0)
    }
    expect(passed).toEqual([])
  })

  test('without the secret of its client is refused, and nothing is spent', async () => {
    const { browser } = await server.allow('spa')
    const page = await browser.submit(await browser.get(server.address('site', { resource: FILES })), {
      decision: 'allow',
    })
    const code = answerOf(page).parameters['code'] ?? ''
    expect(outcome(await server.redeem('site', code))).toEqual([401, 'invalid_client'])
    expect(outcome(await server.redeem('site', code, {}, basic('site', 'wrong')))).toEqual([401, 'invalid_client'])
    expect((await server.stored(code))?.redeemed).toBe(0)
    expect(outcome(await server.redeem('site', code, {}, basic('site', secretOf('site'))))).toEqual([200])
  })
})

describe('a code that is presented twice', () => {
  test('ends its session, and the tokens that it gave', async () => {
    const { code } = await server.allow('spa')
    const { body } = await server.redeem('spa', code)
    expect(outcome(await server.redeem('spa', code))).toEqual(INVALID_GRANT)
    expect((await server.stored(code))?.revoked?.reason).toBe('reuse')
    const refreshed = { grant_type: 'refresh_token', refresh_token: body.refresh_token, client_id: 'spa' }
    expect(outcome(await server.post('/oauth2/token', refreshed))).toEqual(INVALID_GRANT)
  })

  test('long after its session was refreshed, ends it too', async () => {
    const { code } = await server.allow('spa')
    let { refresh_token: token } = (await server.redeem('spa', code)).body
    for (let i = 0; i < 3; i++) {
      const form = { grant_type: 'refresh_token', refresh_token: token, client_id: 'spa' }
      token = (await server.post('/oauth2/token', form)).body.refresh_token
    }
    expect(outcome(await server.redeem('spa', code))).toEqual(INVALID_GRANT)
    expect((await server.stored(code))?.revoked?.reason).toBe('reuse')
  })

  test('at the same moment, gives tokens at most once, and the session is over', async () => {
    for (let round = 0; round < 5; round++) {
      const { code } = await server.allow('spa')
      const answers = await Promise.all(Array.from({ length: 10 }, () => server.redeem('spa', code)))
      expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
      expect(new Set(answers.map(({ status }) => status))).not.toContain(500)
      expect((await server.stored(code))?.revoked?.reason).toBe('reuse')
    }
  })
})

describe('a code is refused', () => {
  test.each<[string, (flow: Awaited<ReturnType<FlowServer['allow']>>) => Promise<unknown>]>([
    ['after the user ended all sessions', ({ user }) => endAllSessions(server.core, user.id, 'logout_all')],
    ['after the account was disabled', ({ user }) => server.core.accounts.change(user.id, { disabledAt: new Date() })],
    [
      'after the password was changed',
      async ({ user, browser }) => {
        const code = answerOf(await browser.get(server.address('spa'))).parameters['code'] ?? ''
        const { sid = '' } = (await server.stored(code)) ?? {}
        const change = {
          username: user.username,
          password: PASSWORD,
          newPassword: 'another long and quiet walk',
          sid,
          ip: '127.0.0.1',
        }
        expect(await changePassword(server.core, change)).toEqual({ ok: true })
      },
    ],
    [
      'after the consent was withdrawn',
      async ({ user }) => {
        const [consent] = await server.core.consents.ofUser(user.id)
        expect(await withdrawConsent(server.core, user.id, consent?.id ?? '')).toMatchObject({
          ok: true,
          sessionsEnded: 1,
        })
        expect(await server.core.consents.ofUser(user.id)).toEqual([])
      },
    ],
    [
      'after the logout of the pages',
      async ({ browser }) => {
        const answer = await browser.submit(await browser.get('/logout'), {})
        expect([answer.status, browser.cookies.size]).toEqual([200, 0])
      },
    ],
  ])('%s', async (_, end) => {
    const flow = await server.allow('spa')
    await end(flow)
    expect(outcome(await server.redeem('spa', flow.code))).toEqual(INVALID_GRANT)
  })

  test('after its client was disabled', async () => {
    const { code } = await server.allow('spa')
    server.setClients(FLOW_CLIENTS.map((one) => (one.id === 'spa' ? { ...one, disabled: true } : one)))
    expect(outcome(await server.redeem('spa', code))).toEqual([401, 'invalid_client'])
    const endedBefore = (await server.core.clock.now()) + 1
    server.setClients(FLOW_CLIENTS.map((one) => (one.id === 'spa' ? { ...one, endedBefore } : one)))
    expect(outcome(await server.redeem('spa', code))).toEqual(INVALID_GRANT)
    server.setClients(FLOW_CLIENTS)
  })

  test('a minute later', async () => {
    const { code } = await server.allow('spa')
    const createdAt = new Date((await server.core.clock.now()) - 61_000)
    const sid = (await server.stored(code))?.sid ?? ''
    await server.database.family.update({ where: { sid }, data: { createdAt, redeemedAt: createdAt } })
    const redis = new Redis(server.redisUrl)
    await redis.flushall()
    redis.disconnect()
    expect(outcome(await server.redeem('spa', code))).toEqual(INVALID_GRANT)
    expect((await server.stored(code))?.revoked).toBeNull()
  })
})

describe('when the browser’s session at the pages ends', () => {
  const ends: [string, (browser: Browser, userId: string) => Promise<unknown>][] = [
    ['by the button at /logout', async (browser) => browser.submit(await browser.get('/logout'), {})],
    [
      'from the list of sessions',
      async (_, userId) => {
        const pages = (await server.core.sessions.ofUser(userId, 10)).find(
          ({ clientId }) => clientId === PAGES_CLIENT.id,
        )
        return endSession(server.core, userId, pages?.sid ?? '', 'session_ended')
      },
    ],
  ]

  test.each(ends)('%s, the codes that it gave are refused, whatever kind the client is of', async (_, end) => {
    for (const clientId of ['native', 'spa', 'site']) {
      const { browser, user, code } = await server.allow(clientId)
      await end(browser, user.id)
      expect((await server.stored(code))?.revoked).not.toBeNull()
      const headers = clientId === 'site' ? basic('site', secretOf('site')) : {}
      expect(outcome(await server.redeem(clientId, code, {}, headers))).toEqual(INVALID_GRANT)
    }
  })

  test.each(ends)('%s, pages are logged out, and native applications stay logged in', async (_, end) => {
    for (const [clientId, isOver] of [
      ['native', false],
      ['spa', true],
    ] as const) {
      const { browser, user, code } = await server.allow(clientId)
      await server.redeem(clientId, code)
      await end(browser, user.id)
      expect([clientId, (await server.stored(code))?.revoked !== null]).toEqual([clientId, isOver])
      expect((await browser.get(server.address('own'))).text).toContain('name="password"')
    }
  })

  test('it is said when there is nothing left to end', async () => {
    const { browser } = await server.allow('native')
    await browser.submit(await browser.get('/logout'), {})
    expect((await browser.get('/logout')).text).toContain('Logged out')
  })
})
