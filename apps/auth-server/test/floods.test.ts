import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Redis } from 'ioredis'
import type { Database } from '../src/postgres/database.ts'
import { openStores } from './support/stores.ts'
import { PASSWORD, type TestServer, bearer, testServer } from './support/server.ts'

const times = <T>(count: number, work: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)))

/** A row a day: midnight may come in the middle of a test. */
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

  test('locks nobody out, and leaves no key and few lines of log', async () => {
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

  test('is identified by its network: addresses in one /64 count as one, and all junk counts as one', async () => {
    const all = await times(PER_ADDRESS + 1, (i) => login(`v6-${i}`, 'wrong', `2001:db8:0:7::${i + 1}`))
    expect(all.filter(({ status }) => status === 429)).toHaveLength(1)
    // Text that is spelt like the name of that network.
    expect((await login('v6', 'wrong', '2001:db8:0:7')).status).toBe(401)
    const keys = await redis.keys('heirloom:attempts:*')
    await login('v6', 'wrong', 'x'.repeat(4_000))
    expect((await redis.keys('heirloom:attempts:*')).every((key) => key.length < 120)).toBe(true)
    expect((await attempts()) - keys.length).toBeLessThanOrEqual(1)
  })

  test('guesses from elsewhere do not lock an owner out where the account was logged in before', async () => {
    const owner = { username: 'owner', password: PASSWORD }
    const home = '198.51.100.1'
    await server.call('POST', '/auth/register', owner, from(home))
    expect((await login('owner', PASSWORD, home)).status).toBe(200)
    const guesses = await times(10, (i) => login('owner', 'wrong', `203.0.113.${i + 1}`))
    expect(guesses.filter(({ status }) => status === 429)).toHaveLength(5)

    expect((await login('owner', PASSWORD, home)).status).toBe(200)
    // Which gives a stranger no more guesses than before.
    expect((await login('owner', 'wrong', '203.0.113.99')).status).toBe(429)
    // Nor are there more than five from home.
    const atHome = await times(7, () => login('owner', 'wrong', home))
    expect(atHome.filter(({ status }) => status === 429)).toHaveLength(2)
  })
})

describe('a flood by one who needs no limit', () => {
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

  test('a dead token costs one row, which says how often it came', async () => {
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

  test('guesses at one account from one address are one row, and so are those at names that nobody has', async () => {
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

  test('a fault of ours uses up nobody’s attempts', async () => {
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

  test('nobody is kept from changing a password by logins under the name of a session', async () => {
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

  test('requests that are refused are so many lines a minute, and then a number', async () => {
    const lines = () => server.service.output.filter((line) => line.includes('"status":404')).length
    // The last test of this server, because a stop at the latest reports the lines that were left out.
    const before = lines()
    await times(300, (i) => server.call('GET', `/nothing/${i}`))
    // A minute may end in the middle.
    expect(lines() - before).toBeGreaterThan(0)
    expect(lines() - before).toBeLessThanOrEqual(120)
    await server.service.stop()
    const more = server.service.output.filter((line) => /"kind":"GET \(none\) 404".*more like these/.test(line))
    expect(more.reduce((sum, line) => sum + JSON.parse(line).more, lines() - before)).toBe(300)
  })
})
