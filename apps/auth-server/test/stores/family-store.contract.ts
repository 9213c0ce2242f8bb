import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Family, type FamilyState, type Grant, EMPTY_STATE, merge } from '../../src/rules/family.ts'
import type { FamilyStore, LoginStore } from '../../src/stores/family-store.ts'
import { aGrant } from '../support/grant.ts'

const HOUR_MS = 3_600_000
export const ORIGIN = { device: 'a test', ip: '127.0.0.1' }

export function aFamily(userId: string, state: Partial<FamilyState> = {}, grant: Partial<Grant> = {}): Family {
  const createdAt = Date.now()
  const times = { createdAt, expiresAt: createdAt + HOUR_MS }
  return {
    ...aGrant({
      id: randomBytes(16).toString('base64url'),
      sid: randomUUID(),
      // Far from what the sequence gives.
      statusIndex: 2 ** 40 + randomInt(2 ** 40),
      userId,
      scope: 'reports:read reports:write',
      ...times,
      ...grant,
    }),
    ...EMPTY_STATE,
    redeemedAt: createdAt,
    ...state,
  }
}

/** What makes it one whose first generation is an authorization code. */
export const byCode = (): Partial<Grant> => ({ parent: randomUUID(), authTime: Date.now() - HOUR_MS })

const someState: fc.Arbitrary<FamilyState> = fc.record({
  redeemed: fc.integer({ min: 0, max: 5 }),
  redeemedAt: fc.integer({ min: 1, max: 4 }).map((n) => 1_800_000_000_000 + n),
  lateRepeated: fc.option(fc.integer({ min: 1, max: 5 })),
  revoked: fc.option(
    fc.record({
      at: fc.integer({ min: 1, max: 3 }).map((n) => 1_800_000_000_000 + n),
      reason: fc.constantFrom('logout' as const, 'reuse' as const, 'admin' as const),
    }),
  ),
})

/** What every FamilyStore must do. `stores` is called once the stores are up; families may belong to `userId`. */
export function familyStoreContract(name: string, stores: () => { store: FamilyStore; userId: string }) {
  const opened = async (state: Partial<FamilyState> = {}) => {
    const { store, userId } = stores()
    const family = aFamily(userId, state)
    await store.open(family, ORIGIN)
    return {
      store,
      family,
      update: (changes: Partial<FamilyState>) => ({
        id: family.id,
        expiresAt: family.expiresAt,
        statusIndex: family.statusIndex,
        state: { ...EMPTY_STATE, ...changes },
      }),
    }
  }

  describe(name, () => {
    test('a family is loaded as it was opened, with the time of the store', async () => {
      const { store, family } = await opened({ redeemed: 4_294_967_294, lateRepeated: 3 })
      const loaded = await store.load(family.id)
      expect(loaded?.family).toEqual(family)
      expect(Math.abs((loaded?.now ?? 0) - Date.now())).toBeLessThan(HOUR_MS)
    })

    test('a session from before grants had resources is loaded without them', async () => {
      const { store, userId } = stores()
      const family = { ...aFamily(userId), resources: null }
      await store.open(family, ORIGIN)
      expect((await store.load(family.id))?.family).toEqual(family)
    })

    test('a family that was opened by a code is loaded as it was opened', async () => {
      const { store, userId } = stores()
      const family = aFamily(userId, {}, byCode())
      await store.open(family, ORIGIN)
      expect((await store.load(family.id))?.family).toEqual(family)
    })

    test('a family that is not known is null, and advancing it creates nothing', async () => {
      const { store, userId } = stores()
      const { id, expiresAt } = aFamily(userId)
      expect(await store.load(id)).toBeNull()
      expect(await store.advance({ id, expiresAt, state: { ...EMPTY_STATE, redeemed: 1, redeemedAt: 1 } })).toBeNull()
      expect(await store.load(id)).toBeNull()
    })

    test('advance answers the state before it', async () => {
      const { store, family, update } = await opened()
      const first = await store.advance(update({ redeemed: 1, redeemedAt: 1_800_000_000_000 }))
      expect(first).toEqual({ ...EMPTY_STATE, redeemedAt: family.redeemedAt })
      const second = await store.advance(update({ lateRepeated: 1 }))
      expect(second).toEqual({ ...EMPTY_STATE, redeemed: 1, redeemedAt: 1_800_000_000_000 })
    })

    test('of 50 concurrent advances to one generation exactly one sees the generation before it', async () => {
      const { store, family, update } = await opened()
      const seen = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          store.advance(update({ redeemed: 1, redeemedAt: family.createdAt + 1 + i })),
        ),
      )
      expect(seen.filter((state) => state?.redeemed === 0)).toHaveLength(1)
      expect((await store.load(family.id))?.family.redeemedAt).toBe(family.createdAt + 1)
    })

    test('opening a family again merges and takes nothing back', async () => {
      const { store, family, update } = await opened()
      await store.advance(update({ redeemed: 7, redeemedAt: family.createdAt + 7 }))
      await store.open(family, ORIGIN)
      expect((await store.load(family.id))?.family.redeemed).toBe(7)
    })

    test('a revocation stands, whatever is merged afterwards', async () => {
      const { store, family, update } = await opened()
      const revoked = { at: family.createdAt + 5, reason: 'logout' as const }
      await store.revoke([update({ revoked })])
      await store.advance(update({ redeemed: 9, redeemedAt: family.createdAt + 9 }))
      await store.open(family, ORIGIN)
      await store.revoke([update({ revoked: { at: family.createdAt + 6, reason: 'admin' } })])
      expect((await store.load(family.id))?.family.revoked).toEqual(revoked)
    })

    test('merges any updates in any order as `merge` does', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(someState, { minLength: 1, maxLength: 6 }), async (updates) => {
          const { store, family, update } = await opened()
          for (const state of updates) await store.advance(update(state))
          const { redeemed, redeemedAt, lateRepeated, revoked } = updates.reduce<FamilyState>(merge, family)
          expect((await store.load(family.id))?.family).toEqual({
            ...family,
            redeemed,
            redeemedAt,
            lateRepeated,
            revoked,
          })
        }),
        { numRuns: 60 },
      )
    })
  })
}

/** What every LoginStore must do besides, so that a code is redeemed once. */
export function redeemOnceContract(name: string, stores: () => { store: LoginStore; userId: string }) {
  test(`${name}: of 50 servers that redeem one code at the same time, exactly one sees that it was not redeemed`, async () => {
    const { store, userId } = stores()
    const family = aFamily(userId, {}, byCode())
    await store.open(family, ORIGIN)
    const { id, expiresAt, createdAt } = family
    const redeem = (redeemedAt: number) =>
      store.advanceOnce({ id, expiresAt, state: { ...EMPTY_STATE, redeemed: 1, redeemedAt } })
    const seen = await Promise.all(Array.from({ length: 50 }, (_, i) => redeem(createdAt + 1 + i)))
    expect(seen.filter((state) => state?.redeemed === 0)).toHaveLength(1)
    expect((await redeem(createdAt + 60))?.redeemed).toBe(1)
  })
}
