import { type FamilyId, EMPTY_STATE, type Revocable } from '../rules/family.ts'
import type { FamilyUpdate } from '../stores/family-store.ts'
import type { RollbackDetector } from '../replication/rollback-detector.ts'
import type { PostgresFamilyStore } from '../stores/postgres-family-store.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import { RedisFamilyStore } from '../stores/redis-family-store.ts'
import type { Core } from './core.ts'

/** The server's parts that a restore works on. */
export interface Restorable {
  core: Core
  rollback: RollbackDetector
  /** It may keep a command waiting for long. */
  redis: RedisAccess | null
  durable: PostgresFamilyStore
}

export interface Restored {
  /** Copies of sessions in Redis that were merged into Postgres. */
  merged: number
  /** Of those: sessions that Postgres did not have, and that go on. */
  recovered: number
  /** Of those: revocations that Postgres did not have. */
  revocations_recovered: number
  /** Sessions that were ended, as nobody knows whether they had ended since the backup. */
  revoked: number
  /** Accounts that were changed since the backup. Roles and status are as in Redis; the password may be an older one. */
  accounts_changed: string[]
}

const AT_ONCE = 500

/**
 * Makes an older Postgres the record again. What Redis still has is merged into it; a session goes on only where Redis has
 * a copy that every revocation reached, and every other one is ended. Whatever stops it in the middle, it may be run
 * again; two at the same time do no harm. It is to be run as the work of `History.restoring`, after which servers serve.
 * @param by who decided it.
 * @param progress told how many sessions were looked at; what it throws stops the restore.
 */
export async function restore(
  stores: Restorable,
  by: 'server' | 'operator',
  progress: (done: number) => void,
): Promise<Restored> {
  const { core, rollback, redis } = stores
  const { epoch } = await rollback.remembered()
  const accounts = await core.accounts.catchUp(async (ids) => {
    for (const userId of ids) core.audit({ type: 'account_rolled_back', userId })
    await core.events.flush()
  })
  const hot = redis && viewsOf(redis, epoch)

  const restored: Restored = {
    merged: 0,
    recovered: 0,
    revocations_recovered: 0,
    revoked: 0,
    accounts_changed: accounts,
  }
  const end = async (families: readonly Revocable[]) => {
    if (families.length === 0) return
    const revoked = { at: await core.accounts.now(), reason: 'restored' as const }
    const growths = families.map(({ id, expiresAt }) => ({ id, expiresAt, state: { ...EMPTY_STATE, revoked } }))
    await Promise.all([stores.durable.revoke(growths), hot?.all.revoke(growths)])
    for (const { userId, sid } of families) core.audit({ type: 'revoked', userId, sid, reason: 'restored' })
    await core.events.flush()
    restored.revoked += families.length
  }

  let done = 0
  if (hot)
    for await (const ids of hot.all.ids()) {
      for (let i = 0; i < ids.length; i += AT_ONCE)
        await mergeSome(stores, ids.slice(i, i + AT_ONCE), hot, restored, end)
      progress((done += ids.length))
    }
  for (let after: FamilyId | undefined = ''; after !== undefined;) {
    const sessions = await core.sessions.inDoubt(after, AT_ONCE)
    const isKnown = await Promise.all(sessions.map(async ({ id }) => hot !== null && (await hot.isWhole(id))))
    await end(sessions.filter((_, i) => !isKnown[i]))
    progress((done += sessions.length))
    after = sessions.at(-1)?.id
  }
  const { merged, recovered, revocations_recovered: revocations, revoked } = restored
  core.audit({ type: 'postgres_restored', reason: by, merged, recovered, revocations, revoked })
  await core.events.flush()
  return restored
}

/** Redis, believed to three degrees. */
function viewsOf(redis: RedisAccess, epoch: number | null) {
  const whole = epoch === null ? null : new RedisFamilyStore(redis, () => epoch)
  return {
    /** Families with all that they hold, of whatever epoch. */
    all: new RedisFamilyStore(redis, () => 0),
    /** Those too of which there is a tombstone alone. */
    tombstones: new RedisFamilyStore(redis, () => -1),
    /** Whether there is a copy that every revocation reached. */
    isWhole: async (id: FamilyId) => whole !== null && (await whole.load(id)) !== null,
  }
}

/** Merges copies in Redis into Postgres: those of families with all that they hold, tombstones of others as they are. */
async function mergeSome(
  { core, durable }: Restorable,
  ids: readonly FamilyId[],
  { all, tombstones, isWhole }: ReturnType<typeof viewsOf>,
  restored: Restored,
  end: (families: readonly Revocable[]) => Promise<void>,
): Promise<void> {
  const copies = (await Promise.all(ids.map((id) => all.load(id)))).map((found) => found?.family ?? null)
  const growths = await Promise.all(
    ids.map(async (id, i): Promise<FamilyUpdate | null> => {
      const copy = copies[i]
      if (copy) return { id, expiresAt: copy.expiresAt, state: copy }
      // Adds nothing, and a key that has expired meanwhile stays so.
      const state = await tombstones.advance({ id, expiresAt: 0, state: EMPTY_STATE })
      return state && { id, expiresAt: 0, state }
    }),
  )
  const before = await durable.merge(growths.filter((growth) => growth !== null))
  for (const growth of growths)
    if (growth?.state.revoked && before.get(growth.id)?.revoked === null) restored.revocations_recovered++
  restored.merged += before.size

  const missing = copies.filter((copy) => copy !== null).filter((copy) => !before.has(copy.id) && !copy.revoked)
  const users = await core.accounts.existing(missing.map(({ userId }) => userId))
  const isKnown = await Promise.all(missing.map(async ({ id, userId }) => users.has(userId) && (await isWhole(id))))
  for (const family of missing.filter((_, i) => isKnown[i])) {
    await durable.open(family, { device: null, ip: null })
    restored.recovered++
    restored.merged++
  }
  await end(missing.filter((_, i) => !isKnown[i]))
}
