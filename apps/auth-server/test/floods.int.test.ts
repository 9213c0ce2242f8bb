import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Redis } from 'ioredis'
import type { Database } from '../src/postgres/database.ts'
import { openStores } from './support/stores.ts'
import { PASSWORD, type TestServer, bearer, testServer } from './support/server.ts'

const times = <T>(count: number, work: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)))

/** There is one row per day, and a test may run past midnight. */
const DAYS = 2

describe('an address that is over its limit', () => {
  const PER_ADDRESS = 20
  let server: TestServer
  let redis: Redis
  beforeAll(async () => {
    server = await testServer({
      TRUSTED_PROXIES: '127.0.0.0/8',
      LOGIN_ATTEMPTS_PER_ADDRESS: String(PER_ADDRESS),
      LOGIN_ATTEMPTS_PER_ACCOUNT: '5',
      LOG_LEVEL: 'info',
    })
    ;({ redis } = openStores(server))
  })
  const from = (ip: string) => ({ 'x-forwarded-for': ip })
  const login = (username: string, password: string, ip: string) =>
    server.call('POST', '/auth/login', { username, password }, from(ip))
  const attempts = async () => (await redis.keys('heirloom:attempts:*')).length

  test('locks nobody out, and leaves no key and few log lines', async () => {
    const victim = { username: 'victim', password: PASSWORD }
    expect((await server.call('POST', '/auth/register', victim, from('192.0.2.1'))).status).toBe(201)
    const attacker = '192.0.2.66'
    for (let i = 0; i < PER_ADDRESS; i++) await login(`nobody-${i}`, 'wrong', attacker)
    const [keys, lines] = [await attempts(), server.service.output.length]

    const refused = await times(200, (i) => login(i % 2 ? 'victim' : `stranger-${i}`, 'wrong', attacker))
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([429]))
    expect(await attempts()).toBe(keys)
    expect(server.service.output.length - lines).toBeLessThan(150)
    expect((await login('victim', PASSWORD, '192.0.2.2')).status).toBe(200)
  })

  test('is counted by its network: neighbours in one /64 count as one, and so does all junk', async () => {
    const all = await times(PER_ADDRESS + 1, (i) => login(`v6-${i}`, 'wrong', `2001:db8:0:7::${i + 1}`))
    expect(all.filter(({ status }) => status === 429)).toHaveLength(1)
    // This text is spelt like the name of that network.
    expect((await login('v6', 'wrong', '2001:db8:0:7')).status).toBe(401)
    const keys = await redis.keys('heirloom:attempts:*')
    await login('v6', 'wrong', 'x'.repeat(4_000))
    expect((await redis.keys('heirloom:attempts:*')).every((key) => key.length < 120)).toBe(true)
    expect((await attempts()) - keys.length).toBeLessThanOrEqual(1)
  })

  test('guesses from elsewhere do not lock out an owner at an address where they logged in before', async () => {
    const owner = { username: 'owner', password: PASSWORD }
    const home = '198.51.100.1'
    await server.call('POST', '/auth/register', owner, from(home))
    expect((await login('owner', PASSWORD, home)).status).toBe(200)
    const guesses = await times(10, (i) => login('owner', 'wrong', `203.0.113.${i + 1}`))
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(5)

    expect((await login('owner', PASSWORD, home)).status).toBe(200)
    // A stranger gets no more guesses by that.
    expect((await login('owner', 'wrong', '203.0.113.99')).status).toBe(429)
    // Nor are there more than five guesses from home.
    const atHome = await times(7, () => login('owner', 'wrong', home))
    expect(atHome.filter(({ status }) => status === 429)).toHaveLength(2)
  })
})

describe('a flood that no limit stops', () => {
  let server: TestServer
  let database: Database
  beforeAll(async () => {
    server = await testServer({ LOG_LEVEL: 'info' })
    ;({ database } = openStores(server))
  })
  const refresh = (refresh_token: string, client_id?: string) =>
    server.call('POST', '/auth/refresh', { refresh_token, ...(client_id !== undefined && { client_id }) })
  const logout = (refresh_token: string) => server.call('POST', '/auth/logout', { refresh_token })
  const rowsOf = (sid: string) => database.securityEvent.findMany({ where: { sid }, orderBy: { id: 'asc' } })
  const count = async (sid: string, type: string) =>
    (await rowsOf(sid)).filter((row) => row.type === type).reduce((sum, row) => sum + Number(row.times), 0)

  test('a dead token costs one row, which counts how often it was presented', async () => {
    const { tokens } = await server.login()
    const sid = tokens.session_id
    expect((await logout(tokens.refresh_token)).status).toBe(204)
    for (let i = 0; i < 3; i++) {
      await times(40, () => refresh(tokens.refresh_token))
      await times(20, () => logout(tokens.refresh_token))
      await expect.poll(() => count(sid, 'refresh_refused'), { timeout: 10_000 }).toBe(40 * (i + 1))
    }
    await expect.poll(() => count(sid, 'revoked'), { timeout: 10_000 }).toBe(61)
    const types = (await rowsOf(sid)).map(({ type }) => type)
    expect([...new Set(types)].toSorted()).toEqual(['login', 'refresh_refused', 'revoked'])
    expect(types.length).toBeLessThanOrEqual(3 * DAYS)
  })

  test('a session that is ended under each spelling of its id costs one row', async () => {
    const { username, tokens } = await server.login()
    const other = (await server.call('POST', '/auth/login', { username, password: PASSWORD })).body
    const capitals = (sid: string, from: number) => sid.slice(0, from) + sid.slice(from).toUpperCase()
    const ended = await times(36, (i) =>
      server.call('DELETE', `/auth/sessions/${capitals(other.session_id, i)}`, undefined, bearer(tokens.access_token)),
    )
    expect(new Set(ended.map(({ status }) => status))).toEqual(new Set([204]))
    await expect.poll(() => count(other.session_id, 'revoked'), { timeout: 10_000 }).toBe(36)
    const rows = (await rowsOf(other.session_id)).filter(({ type }) => type === 'revoked')
    expect(rows.length).toBeLessThanOrEqual(DAYS)
  })

  test('of each reason the first is kept: another client, reuse, and what came after', async () => {
    const { tokens } = await server.login()
    const sid = tokens.session_id
    await times(20, () => refresh(tokens.refresh_token, 'another'))
    const second = (await refresh(tokens.refresh_token)).body
    const third = (await refresh(second.refresh_token)).body
    expect((await times(10, () => refresh(tokens.refresh_token))).every(({ status }) => status === 400)).toBe(true)
    expect((await refresh(third.refresh_token)).status).toBe(400)

    await expect.poll(() => count(sid, 'refresh_refused'), { timeout: 10_000 }).toBeGreaterThan(20)
    const kinds = (await rowsOf(sid)).map(({ type, detail }) =>
      [type, (detail as { reason?: string }).reason ?? ''].join(' '),
    )
    expect(kinds.length).toBeLessThanOrEqual(5 * DAYS)
    expect([...new Set(kinds)].toSorted()).toEqual([
      'login ',
      'refresh_refused revoked',
      'refresh_refused wrong_client',
      'reuse ',
      'revoked reuse',
    ])
  })

  test('guesses at one account from one address are one row, and so are guesses at names without an account', async () => {
    const { username } = await server.login()
    const before = await database.securityEvent.count({ where: { type: 'login_refused' } })
    await times(8, () => server.call('POST', '/auth/login', { username, password: 'wrong' }))
    await times(8, (i) => server.call('POST', '/auth/login', { username: `nobody-${i}`, password: 'wrong' }))
    const refused = () => database.securityEvent.findMany({ where: { type: 'login_refused' } })
    await expect
      .poll(async () => (await refused()).reduce((sum, row) => sum + Number(row.times), 0), { timeout: 10_000 })
      .toBe(before + 16)
    expect((await refused()).length - before).toBeLessThanOrEqual(2 * DAYS)
  })

  test('a fault of the server uses up no attempts', async () => {
    const { username } = await server.login()
    const login = () => server.call('POST', '/auth/login', { username, password: PASSWORD })
    await database.$transaction(
      async (transaction) => {
        await transaction.$executeRaw`LOCK TABLE users IN ACCESS EXCLUSIVE MODE`
        const answers = await times(12, login)
        expect(answers.filter(({ status }) => status === 503)).toHaveLength(10)
      },
      { timeout: 20_000 },
    )
    expect((await login()).status).toBe(200)
  })

  test('failed logins under the name of a session do not block a change of password', async () => {
    const { tokens } = await server.login()
    const name = `session ${tokens.session_id}`
    for (let i = 0; i < 12; i++) await server.call('POST', '/auth/login', { username: name, password: 'wrong' })
    const change = await server.call(
      'POST',
      '/auth/password',
      { current_password: PASSWORD, new_password: `another ${randomUUID()}` },
      bearer(tokens.access_token),
    )
    expect(change.status).toBe(204)
  })

  test('refused requests are a few log lines a minute, and then a number', async () => {
    const lines = () => server.service.output.filter((line) => line.includes('"status":404')).length
    // This must be the last test of this server: it logs what it left out when it stops.
    const before = lines()
    await times(300, (i) => server.call('GET', `/nothing/${i}`))
    // The lines come after the answers. The test may run past the end of a minute.
    await expect.poll(() => lines() - before).toBeGreaterThan(0)
    expect(lines() - before).toBeLessThanOrEqual(120)
    await server.service.stop()
    const more = server.service.output.filter((line) => /"kind":"GET \(none\) 404".*more like these/.test(line))
    expect(more.reduce((sum, line) => sum + JSON.parse(line).more, lines() - before)).toBe(300)
  })
})
