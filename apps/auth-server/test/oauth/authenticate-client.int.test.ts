import type { Redis } from 'ioredis'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../src/postgres/database.ts'
import { basic } from '../support/basic.ts'
import { CLIENTS, OAUTH_REALM, hashOf, secretOf } from '../support/oauth-realm.ts'
import { type Form, type RealmServer, realmServer } from '../support/realm-server.ts'
import { openStores } from '../support/stores.ts'

const WINDOW_LIMIT = 5

let server: RealmServer
let redis: Redis
let database: Database
beforeAll(async () => {
  server = await realmServer(OAUTH_REALM, {
    TRUSTED_PROXIES: '127.0.0.0/8',
    LOGIN_ATTEMPTS_PER_ADDRESS: '20',
    LOGIN_ATTEMPTS_PER_ACCOUNT: String(WINDOW_LIMIT),
  })
  ;({ redis, database } = openStores(server))
})

let addresses = 0
let from: Record<string, string>
beforeEach(() => {
  from = { 'x-forwarded-for': `192.0.2.${++addresses}` }
  server.setClients(CLIENTS)
})

/** The cheapest call that authenticates a client: the token is none. */
const revoke = (form: Form, headers: Record<string, string> = {}) =>
  server.post('/oauth2/revoke', { token: 'x', ...form }, { ...from, ...headers })
const statusOf = async (form: Form, headers?: Record<string, string>) => (await revoke(form, headers)).status
const asShop = (secret = secretOf('shop')) => basic('shop', secret)
const asDesk = (secret = secretOf('desk')) => ({ client_id: 'desk', client_secret: secret })

describe('a client authenticates exactly as it is registered', () => {
  const right = secretOf('shop')
  test.each<[what: string, form: Form, headers: Record<string, string>, status: number]>([
    ['public', { client_id: 'phone' }, {}, 200],
    ['by Basic', {}, basic('shop', right), 200],
    ['by Basic, named once more', { client_id: 'shop' }, basic('shop', right), 200],
    ['in the form', asDesk(), {}, 200],
    ['public, with a secret', { client_id: 'phone', client_secret: 'x' }, {}, 401],
    ['public, with a secret in Basic', {}, basic('phone', 'x'), 401],
    ['public, with an empty secret in Basic', {}, basic('phone', ''), 401],
    ['in the form instead of Basic', { client_id: 'shop', client_secret: right }, {}, 401],
    ['by Basic instead of the form', {}, basic('desk', secretOf('desk')), 401],
    ['no secret', { client_id: 'shop' }, {}, 401],
    ['an empty secret', { client_id: 'desk', client_secret: '' }, {}, 401],
    ['an empty secret in Basic', {}, basic('shop', ''), 401],
    ['the secret of another client', {}, basic('shop', secretOf('desk')), 401],
    ['the hash of its secret', {}, basic('shop', hashOf(right)), 401],
    ['Basic and the form', asDesk(), basic('desk', secretOf('desk')), 400],
    ['Basic, and another client in the form', { client_id: 'desk' }, basic('shop', right), 400],
    ['another scheme', { client_id: 'phone' }, { authorization: 'Bearer x' }, 401],
  ])('%s: %o %o is %i', async (_what, form, headers, status) => {
    expect(await statusOf(form, headers)).toBe(status)
  })

  test('both secrets are good during a rotation, and the old one no longer afterwards', async () => {
    const withHashes = (...hashes: string[]) =>
      server.setClients(CLIENTS.map((one) => (one.id === 'shop' ? { ...one, secretHashes: hashes } : one)))
    withHashes(hashOf('new'), hashOf(right))
    expect([await statusOf({}, asShop('new')), await statusOf({}, asShop())]).toEqual([200, 200])
    withHashes(hashOf('new'))
    expect([await statusOf({}, asShop('new')), await statusOf({}, asShop())]).toEqual([200, 401])
    withHashes()
    expect(await statusOf({}, asShop(''))).toBe(401)
  })

  test.each<[id: string, form: Form, headers: Record<string, string>]>([
    ['shop', {}, asShop()],
    ['phone', { client_id: 'phone' }, {}],
  ])('%s is refused while it is disabled', async (id, form, headers) => {
    server.setClients(CLIENTS.map((one) => (one.id === id ? { ...one, disabled: true } : one)))
    expect(await statusOf(form, headers)).toBe(401)
    expect(server.events.at(-1)).toMatchObject({ type: 'client_refused', reason: 'disabled', clientId: id })
  })
})

describe('a stranger learns nothing', () => {
  test('an unknown client, a wrong secret and a disabled client get the same bytes', async () => {
    server.setClients(CLIENTS.map((one) => (one.id === 'files-service' ? { ...one, disabled: true } : one)))
    const answers = await Promise.all([
      revoke({}, basic('nobody', 'x')),
      revoke({}, asShop('x')),
      revoke({}, basic('files-service', secretOf('files-service'))),
      revoke({}, basic('desk', secretOf('desk'))),
      revoke({}, { authorization: 'Basic %' }),
    ])
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    for (const { status, headers, body } of answers)
      expect([status, headers.get('www-authenticate'), body.error]).toEqual([
        401,
        'Basic realm="OAuth client"',
        'invalid_client',
      ])
  })

  test('the challenge is for those who used the header: a browser would ask its user for a password', async () => {
    expect((await revoke(asDesk('x'))).headers.get('www-authenticate')).toBeNull()
  })

  test('at /auth/login an unknown client stays a 400', async () => {
    const body = JSON.stringify({ username: 'a', password: 'b', client_id: 'nobody' })
    const headers = { 'content-type': 'application/json', ...from }
    const answer = await server.send('/auth/login', { method: 'POST', headers, body })
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_client'])
  })
})

describe('wrong secrets', () => {
  const guess = (times: number, header: () => Record<string, string>, form: Form = {}) =>
    Promise.all(Array.from({ length: times }, () => statusOf(form, header())))

  test('are throttled, for clients that exist and for those that do not', async () => {
    for (const id of ['shop', 'nobody']) {
      const statuses = await guess(WINDOW_LIMIT + 3, () => basic(id, 'guess'))
      expect(statuses.filter((status) => status === 429)).toHaveLength(3)
    }
    const { headers, body } = await revoke({}, asShop('guess'))
    expect([Number(headers.get('retry-after')) > 0, body.error]).toEqual([true, 'too_many_attempts'])
  })

  test('lock nobody out: the client logs in from any address, even from that of the stranger', async () => {
    await guess(40, () => asShop('guess'))
    expect(await statusOf({}, asShop())).toBe(200)
    expect(await statusOf({}, { ...asShop(), 'x-forwarded-for': '198.51.100.1' })).toBe(200)
  })

  test('use up no attempt of a user who types a password', async () => {
    await guess(40, () => asShop('guess'))
    const body = JSON.stringify({ username: 'somebody', password: 'wrong' })
    const headers = { 'content-type': 'application/json', ...from }
    expect((await server.send('/auth/login', { method: 'POST', headers, body })).status).toBe(401)
  })

  test('leave few keys and few rows, however many clients they name', async () => {
    const left = async () => {
      await server.core.events.flush()
      const keys = await redis.keys('heirloom:attempts:*')
      return [keys.length, await database.securityEvent.count()] as const
    }
    const [keysBefore, rowsBefore] = await left()
    await Promise.all(Array.from({ length: 100 }, (_, i) => statusOf({}, basic(`nobody-${i}`, 'guess'))))
    const [keys, rows] = await left()
    // One for the address, and one for each client that the address had attempts for.
    expect(keys - keysBefore).toBeLessThanOrEqual(1 + 20)
    // One a day, and midnight may come in between.
    expect(rows - rowsBefore).toBeLessThanOrEqual(2)
  })

  test('are known to the operator by their client, unless there is none', async () => {
    await statusOf({}, asShop('guess'))
    expect(server.events.at(-1)).toEqual({
      type: 'client_refused',
      reason: 'wrong_secret',
      clientId: 'shop',
      ip: from['x-forwarded-for'],
    })
    await statusOf({}, basic('what-nobody-may-read', 'guess'))
    expect(server.events.at(-1)).toEqual({
      type: 'client_refused',
      reason: 'unknown_client',
      ip: from['x-forwarded-for'],
    })
  })
})
