import { testStores } from '@heirloom/local-stack/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CODE_LIFETIME_MS, type Family, type FamilyState, UNREDEEMED_KEPT_MS } from '../../src/rules/family.ts'
import { openDatabase } from '../../src/postgres/database.ts'
import { realmOf } from '../../src/rules/realm.ts'
import { liveSessions } from '../../src/services/sessions/sessions.ts'
import { Accounts } from '../../src/stores/accounts.ts'
import { postgresClock } from '../../src/stores/clock.ts'
import { PostgresFamilyStore } from '../../src/stores/postgres-family-store.ts'
import { Sessions } from '../../src/stores/sessions.ts'
import { aClient, aRealm } from '../support/realm.ts'
import { ORIGIN, aFamily, byCode } from './family-store.contract.ts'

const { databaseUrl } = await testStores()
const database = openDatabase({ url: databaseUrl, poolSize: 2, statementTimeoutMs: 5_000 })
afterAll(() => database.$disconnect())
const [store, sessions, clock] = [new PostgresFamilyStore(database), new Sessions(database), postgresClock(database)]

const HOUR_MS = 3_600_000
let userId: string
let now: number
beforeAll(async () => {
  const name = 'a-user'
  const user = await new Accounts(database, null).add({
    username: name,
    usernameKey: name,
    passwordHash: '-',
    roles: [],
  })
  userId = user?.id ?? ''
  now = await clock.now()
})

/** Opens a family that long ago, by a code unless `grant` says otherwise. */
async function opened(agoMs: number, state: Partial<FamilyState> = {}, grant = byCode()): Promise<Family> {
  const times = { createdAt: now - agoMs, expiresAt: now + HOUR_MS }
  const family = aFamily(userId, { redeemedAt: times.createdAt, ...state }, { ...grant, ...times })
  await store.open(family, ORIGIN)
  return family
}

test('a code that nobody redeemed is in no list after a minute, ends no session, and is pruned within the hour', async () => {
  const redeemed = { redeemed: 1, redeemedAt: now - HOUR_MS }
  const session = await opened(HOUR_MS, redeemed)
  const byLogin = await opened(HOUR_MS, {}, {})
  const fresh = await opened(CODE_LIFETIME_MS / 2)
  const over = await opened(CODE_LIFETIME_MS + 1_000)
  const old = await opened(UNREDEEMED_KEPT_MS + 1_000)

  const refreshPolicy = { idleMs: 24 * HOUR_MS, graceMs: 0, lateRepeatGap: null }
  const config = { accessTokenTtlSeconds: 1, refreshAbsoluteTtlMs: 48 * HOUR_MS, refreshPolicy }
  const realm = realmOf(aRealm(aClient()))
  const listed = await liveSessions({ sessions, clock, config, realm: { current: () => realm } }, userId, 10)
  expect(listed.sessions.map(({ sid }) => sid).toSorted()).toEqual(
    [session, byLogin, fresh].map(({ sid }) => sid).toSorted(),
  )

  // Of another version of the account, so that nothing is opened.
  const terms = { version: 0, notBefore: 0, sessions: 2, logins: 5, windowMs: 1 }
  const facts = await store.openFor({ grant: session, lifetimeMs: 1, origin: ORIGIN }, terms)
  // Each opening counts against the rate.
  expect(facts).toMatchObject({ family: null, earlierLoginAt: byLogin.createdAt })
  expect(facts?.surplus).toHaveLength(1)
  expect([session.sid, byLogin.sid]).toContain(facts?.surplus[0]?.sid)

  expect(await sessions.pruneCodes(now, 1)).toBe(1)
  expect(await sessions.pruneCodes(now, 1)).toBe(0)
  expect(await store.load(old.id)).toBeNull()
  for (const { id } of [session, byLogin, fresh, over]) expect(await store.load(id)).not.toBeNull()
})
