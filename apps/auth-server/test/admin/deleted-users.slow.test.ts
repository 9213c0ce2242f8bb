import { randomBytes } from 'node:crypto'
import { createMetrics } from '@heirloom/http-service'
import { EXAMPLE_REALM } from '@heirloom/local-stack'
import { testStores } from '@heirloom/local-stack/testing'
import { pino } from 'pino'
import { beforeAll, afterAll, describe, expect, test, vi } from 'vitest'
import { examine } from '../../src/admin/doctor.ts'
import { actingAs, atCommand } from '../../src/services/admin/admin-parts.ts'
import { deleteUser, deleteUsersAgain } from '../../src/services/admin/delete-users.ts'
import { register } from '../../src/services/accounts/register.ts'
import { restore } from '../../src/services/restore.ts'
import { logIn } from '../../src/services/sessions/log-in.ts'
import { refresh } from '../../src/services/sessions/refresh.ts'
import { readConfig } from '../../src/config.ts'
import { userHash } from '../../src/stores/deleted-users.ts'
import { type ServerParts, wire } from '../../src/wiring.ts'
import { PASSWORD } from '../support/server.ts'
import { openStores } from '../support/stores.ts'

/** A deletion is finished after the requests of before: see SETTLED_AFTER_MS. */
const FINISHED = { timeout: 40_000, interval: 500 }

let parts: ServerParts
let stores: ReturnType<typeof openStores>
let redisOfTest: Awaited<ReturnType<typeof testStores>>['redis']
let env: Record<string, string>
beforeAll(async () => {
  const { databaseUrl, redisUrl, redis } = await testStores()
  redisOfTest = redis
  env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REALM_FILE: EXAMPLE_REALM,
    TOKEN_SECRETS: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_SECRET: randomBytes(32).toString('base64'),
  }
  parts = await wire(readConfig(env), pino({ level: 'silent' }), createMetrics())
  stores = openStores({ env, redisUrl })
})
afterAll(() => parts.close())

let users = 0
async function userWithEverything(username: string) {
  const { core } = parts
  const ip = `192.0.2.${++users}`
  const added = await register(core, {
    username,
    password: PASSWORD,
    roles: ['user'],
    email: { address: `${username}@mail.example`, key: `${username}@mail.example` },
    attributes: { name: username },
  })
  if (!added.ok) throw new Error(added.description)
  const { id } = added.account
  const login = (password = PASSWORD) => logIn(core, { username, password, ip, device: `${username}’s phone` })
  await login('wrong')
  const [first, second] = [await login(), await login()]
  if (!first.ok || !second.ok) throw new Error('no login')
  const token = core.refreshTokens.parse(first.refresh_token)
  await refresh(core, { token, takes: 'json' })
  await stores.database.consent.create({
    data: { userId: id, clientId: 'web', resources: ['resource-api'], scopes: [] },
  })
  await core.events.flush()
  return { id, username, ip, token: core.refreshTokens.parse(second.refresh_token), family: token?.family ?? '' }
}

/** Every row and every key, with its value, as text. */
async function everything(): Promise<string> {
  const { database, redis } = stores
  const tables = await database.$queryRaw<{ name: string }[]>`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`
  const rows = await Promise.all(
    tables
      .filter(({ name }) => name !== '_prisma_migrations')
      .map(({ name }) => database.$queryRawUnsafe(`SELECT json_agg(t)::text AS all FROM "${name}" AS t`)),
  )
  // What counts the attempts of an address names nobody, and expires within minutes.
  const keys = (await redis.keys('*')).filter((key) => !key.startsWith('heirloom:attempts:address:'))
  const values = await Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key)
      if (type === 'hash') return redis.hgetall(key)
      if (type === 'zset') return redis.zrange(key, '0', '-1')
      return type === 'set' ? redis.smembers(key) : redis.get(key)
    }),
  )
  return JSON.stringify([rows, keys, values])
}

const removeUser = (id: string) => deleteUser(actingAs(parts, atCommand('tester')), { id })

/** What of a user is found in either store. */
async function traces({ id, username, ip, family }: Awaited<ReturnType<typeof userWithEverything>>) {
  const all = await everything()
  const hex = Buffer.from(family, 'base64url').toString('hex')
  return [id, `"${username}`, `"${ip}"`, family, hex].filter((trace) => all.replaceAll('\\', '').includes(trace))
}

describe('a user who is deleted', () => {
  test('is gone from both stores, cannot refresh or log in, and the name is free', async () => {
    const user = await userWithEverything('ada')
    expect(await traces(user)).toHaveLength(5)
    expect(await removeUser(user.id)).toEqual({ ok: true, deleted: user.id, sessions_ended: 2 })
    expect(await refresh(parts.core, { token: user.token, takes: 'json' })).toMatchObject({ error: 'invalid_grant' })
    expect(await stores.database.user.findUnique({ where: { id: user.id } })).toBeNull()
    await vi.waitFor(async () => expect(await traces(user)).toEqual([]), FINISHED)
    const { detail } = await stores.database.securityEvent.findFirstOrThrow({ where: { type: 'user_deleted' } })
    expect(detail).toEqual({ user: userHash(user.id), sessions: 2, by: 'command:tester' })
    const again = await register(parts.core, { username: 'ada', password: PASSWORD, roles: [] })
    expect(again.ok && again.account.id).not.toBe(user.id)
  }, 60_000)

  test('leaves what they did to others, without their id', async () => {
    const boss = await userWithEverything('boss')
    const other = await userWithEverything('other')
    const asBoss = actingAs(parts, { by: `user:${boss.id}`, scopes: [] })
    asBoss.core.audit({ type: 'account_changed', userId: other.id, members: 'email' })
    await parts.core.events.flush()
    await removeUser(boss.id)
    const event = await stores.database.securityEvent.findFirstOrThrow({
      where: { type: 'account_changed', userId: other.id },
    })
    expect(event.detail).toEqual({ members: 'email', by: 'user:deleted' })
  })

  test('who was deleted while Redis was away is gone from it once it is back', async () => {
    const user = await userWithEverything('bob')
    redisOfTest.kill('SIGSTOP')
    expect(await removeUser(user.id)).toMatchObject({ ok: true })
    expect(await refresh(parts.core, { token: user.token, takes: 'json' })).toMatchObject({ error: 'invalid_grant' })
    redisOfTest.kill('SIGCONT')
    expect(await refresh(parts.core, { token: user.token, takes: 'json' })).toMatchObject({ error: 'invalid_grant' })
    await vi.waitFor(async () => expect(await traces(user)).toEqual([]), FINISHED)
  }, 90_000)
})

describe('a deleted user whom a backup brings back', () => {
  const backUp = (id: string) => stores.database.user.findUniqueOrThrow({ where: { id } })

  test('is reported by doctor, and deleted again by one command', async () => {
    const user = await userWithEverything('cyd')
    const row = await backUp(user.id)
    await removeUser(user.id)
    const findings = async () => (await examine(env)).filter(({ check }) => check === 'users')
    // Only Redis knows it: the backup has no row for the deletion.
    await stores.database.deletedUser.deleteMany()
    await stores.database.user.create({ data: { ...row, attributes: {} } })
    expect(await findings()).toMatchObject([
      { level: 'warning', cause: 'A backup brought back 1 users who had been deleted' },
    ])
    expect(await deleteUsersAgain(actingAs(parts, atCommand('tester')))).toEqual({ deleted_again: 1 })
    expect(await stores.database.user.findUnique({ where: { id: user.id } })).toBeNull()
    expect(await findings()).toEqual([])
  })

  test('is deleted again by a restore, which says so', async () => {
    const user = await userWithEverything('dan')
    const row = await backUp(user.id)
    await removeUser(user.id)
    await stores.database.deletedUser.deleteMany()
    await stores.database.user.create({ data: { ...row, attributes: {} } })
    const restored = await parts.forRestore((some) => restore(some, 'operator', () => undefined))
    expect(restored).toMatchObject({ deleted_again: 1 })
    expect(await stores.database.user.findUnique({ where: { id: user.id } })).toBeNull()
  })

  test('is known to Postgres too, if Redis lost everything', async () => {
    const user = await userWithEverything('eve')
    const row = await backUp(user.id)
    await removeUser(user.id)
    await parts.core.deletions.finish()
    await stores.database.deletedUser.updateMany({ data: { userId: null } })
    await stores.redis.del('heirloom:deleted-users')
    await stores.database.user.create({ data: { ...row, attributes: {} } })
    expect(await parts.core.deletions.returned()).toEqual([user.id])
    // And Redis learns it again.
    await parts.core.deletions.remember()
    expect(await stores.redis.smembers('heirloom:deleted-users')).toContain(userHash(user.id))
  })
})
