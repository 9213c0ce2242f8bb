import { expect, test } from 'vitest'
import { EMPTY_STATE, type Family, type FamilyState, merge } from '../../../src/rules/family.ts'
import { realmOf } from '../../../src/rules/realm.ts'
import { exampleRealm } from '../../support/example-realm.ts'
import type { SecurityEvent } from '../../../src/services/security-event.ts'
import { type RefreshParts, refresh } from '../../../src/services/sessions/refresh.ts'
import type { FamilyUpdate } from '../../../src/stores/family-store.ts'

const REALM = realmOf(exampleRealm())
const NOW = 1_000_000
const [GRACE_MS, IDLE_MS] = [10_000, 100_000]
const LOADED: Family = {
  id: 'F',
  sid: 'S',
  userId: 'U',
  clientId: 'web',
  scope: 'reports:read',
  statusIndex: 0,
  resources: 'api auth-server',
  bindingKey: null,
  createdAt: 0,
  expiresAt: 10 * NOW,
  parent: null,
  authTime: null,
  redeemed: 3,
  redeemedAt: NOW - 50_000,
  lateRepeated: null,
  revoked: null,
}

/**
 * Refreshes with generation 4, which nobody has redeemed when the family is loaded.
 * @param concurrent what other requests do before each write of this one; null: the store loses the family.
 */
async function refreshWhile(...concurrent: (Partial<FamilyState> | null)[]) {
  let stored: FamilyState = LOADED
  const events: SecurityEvent[] = []
  const advanced: FamilyUpdate[] = []
  const advance = async (update: FamilyUpdate) => {
    const change = concurrent[advanced.push(update) - 1]
    if (change === null) return null
    const before = merge(stored, { ...EMPTY_STATE, ...change })
    stored = merge(before, update.state)
    return before
  }
  const parts: RefreshParts = {
    config: {
      issuer: 'https://a',
      accessTokenTtlSeconds: 900,
      statusTtlSeconds: 5,
      refreshAbsoluteTtlMs: 10 * NOW,
      refreshPolicy: { idleMs: IDLE_MS, graceMs: GRACE_MS, lateRepeatGap: 8 },
    },
    realm: { current: () => REALM },
    families: {
      load: async () => ({ family: LOADED, now: NOW }),
      advance,
      advanceOnce: advance,
      revoke: async ([update]) => {
        if (update) stored = merge(stored, update.state)
      },
    },
    accounts: { status: async () => ({ version: 1, roles: ['user'], disabled: false, attributes: {} }) },
    signer: { assertRoom: () => undefined, sign: async () => 'jwt' },
    refreshTokens: {
      issue: (family, generation) => `${family} ${generation}`,
    },
    audit: (event) => events.push(event),
    seeStoreTime: () => undefined,
  }
  const answer = await refresh(parts, { token: { family: 'F', generation: 4 }, takes: 'json' })
  return { answer, stored, writes: advanced.length, events: events.map(({ type }) => type) }
}

test('the only presentation rotates', async () => {
  const { answer, stored, writes, events } = await refreshWhile({})
  expect(answer).toMatchObject({ ok: true, refresh_token: 'F 5' })
  expect([stored.redeemed, writes, events]).toEqual([4, 1, []])
})

test('a concurrent copy of the request that is faster: both get the same successor, and the grace period is not extended', async () => {
  const { answer, stored, events } = await refreshWhile({ redeemed: 4, redeemedAt: NOW - 1 })
  expect(answer).toMatchObject({ ok: true, refresh_token: 'F 5' })
  expect([stored.redeemedAt, events]).toEqual([NOW - 1, []])
})

test('a copy that was redeemed long before on another server: the late repeat is stored and recorded', async () => {
  const { answer, stored, writes, events } = await refreshWhile({ redeemed: 4, redeemedAt: NOW - GRACE_MS })
  expect(answer).toMatchObject({ ok: true, refresh_token: 'F 5' })
  expect([stored.lateRepeated, writes, events]).toEqual([4, 2, ['late_repeat']])
})

test('the successor was redeemed in between: this is reuse, and the session ends', async () => {
  const { answer, stored, events } = await refreshWhile({ redeemed: 5, redeemedAt: NOW - 1 })
  expect(answer).toMatchObject({ ok: false, error: 'invalid_grant' })
  expect([stored.revoked?.reason, events]).toEqual(['reuse', ['reuse', 'revoked']])
})

test('the successor was redeemed between the two writes of a late repeat: reuse as well', async () => {
  const { answer, stored, writes } = await refreshWhile(
    { redeemed: 4, redeemedAt: NOW - GRACE_MS },
    { redeemed: 5, redeemedAt: NOW - 1 },
  )
  expect(answer).toMatchObject({ ok: false, error: 'invalid_grant' })
  expect([stored.revoked?.reason, writes]).toEqual(['reuse', 2])
})

test('the session was ended in between: no tokens', async () => {
  const { answer, stored, events } = await refreshWhile({ revoked: { at: NOW - 1, reason: 'logout' } })
  expect(answer).toMatchObject({ ok: false, error: 'invalid_grant' })
  expect([stored.revoked?.reason, events]).toEqual(['logout', ['refresh_refused']])
})

test('the store lost the family in between: no tokens, and nothing is revoked', async () => {
  const { answer, stored, events } = await refreshWhile(null)
  expect(answer).toMatchObject({ ok: false, error: 'invalid_grant' })
  expect([stored.revoked, events]).toEqual([null, ['refresh_refused']])
})
