import { EMPTY_STATE, type Family, type FamilyId, type Revocable } from '../rules/family.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import type { UserDeletions } from '../replication/user-deletions.ts'
import type { RollbackDetector } from '../replication/rollback-detector.ts'
import type { Accounts } from '../stores/accounts.ts'
import type { AuditEvents } from '../stores/audit-events.ts'
import type { Clock } from '../stores/clock.ts'
import type { FamilyUpdate } from '../stores/family-store.ts'
import type { PostgresFamilyStore } from '../stores/postgres-family-store.ts'
import { RedisFamilyStore } from '../stores/redis-family-store.ts'
import type { Sessions } from '../stores/sessions.ts'
import type { RecordEvent } from './security-event.ts'

/** The parts of the server that a restore works on. */
export interface RestoreParts {
  durable: Pick<PostgresFamilyStore, 'merge' | 'open' | 'revoke'>
  /** It should allow commands more time than a request has. */
  redis: RedisAccess | null
  rollback: Pick<RollbackDetector, 'remembered'>
  accounts: Pick<Accounts, 'catchUp' | 'existing'>
  sessions: Pick<Sessions, 'inDoubt'>
  deletions: Pick<UserDeletions, 'returned' | 'deleteAgain'>
  events: Pick<AuditEvents, 'flush'>
  audit: RecordEvent
  clock: Clock
}

export interface Restored {
  /** Sessions in Redis that were merged into Postgres. */
  merged: number
  /** Of those: live sessions that Postgres did not have. */
  recovered: number
  /** Of those: revocations that Postgres did not have. */
  revocations_recovered: number
  /** Sessions that were ended because they may have ended since the backup. */
  revoked: number
  /** Accounts that were changed since the backup. Roles and status are those in Redis; the password may be an old one. */
  accounts_changed: string[]
  /** Users who had been deleted since the backup, and were deleted again. */
  deleted_again: number
}

/** Sessions per statement. */
const BATCH = 500

/**
 * Makes a Postgres that was rolled back the durable store again. What Redis still has is merged into it. A session continues
 * only if Redis has a copy of it that no revocation can have missed; every other session is ended. After an error it can be run
 * again, and two runs at the same time do no harm. Run it as the work of `RollbackDetector.restoring`.
 * @param by who decided to restore.
 * @param progress is called with the number of sessions examined so far. An error that it throws stops the restore.
 */
export async function restore(
  parts: RestoreParts,
  by: 'server' | 'operator',
  progress: (examined: number) => void,
): Promise<Restored> {
  const { durable, redis, rollback, accounts, sessions, deletions, events, audit, clock } = parts
  const { epoch } = await rollback.remembered()
  const changed = await accounts.catchUp(async (ids) => {
    for (const userId of ids) audit({ type: 'account_rolled_back', userId })
    await events.flush()
  })
  // Before anything else is merged: what Redis still has of them must not come back.
  const deleted = await deletions.returned()
  await deletions.deleteAgain(deleted)
  if (deleted.length > 0) audit({ type: 'deleted_again', users: deleted.length })
  const cache = redis && viewsOf(redis, epoch)

  const restored: Restored = {
    merged: 0,
    recovered: 0,
    revocations_recovered: 0,
    revoked: 0,
    accounts_changed: changed,
    deleted_again: deleted.length,
  }
  const end = async (families: readonly Revocable[]) => {
    if (families.length === 0) return
    const revoked = { at: await clock.now(), reason: 'restored' as const }
    const state = { ...EMPTY_STATE, revoked }
    const updates = families.map(({ id, expiresAt, statusIndex }) => ({ id, expiresAt, statusIndex, state }))
    await Promise.all([durable.revoke(updates), cache?.all.revoke(updates)])
    for (const { userId, sid } of families) audit({ type: 'revoked', userId, sid, reason: 'restored' })
    await events.flush()
    restored.revoked += families.length
  }

  let examined = 0
  if (cache)
    for await (const ids of cache.all.ids()) {
      for (let i = 0; i < ids.length; i += BATCH)
        await end(await mergeIntoPostgres(parts, ids.slice(i, i + BATCH), cache, restored))
      progress((examined += ids.length))
    }
  for (let after: FamilyId | undefined = ''; after !== undefined;) {
    const inDoubt = await sessions.inDoubt(after, BATCH)
    const isComplete = await Promise.all(inDoubt.map(async ({ id }) => cache !== null && (await cache.isComplete(id))))
    await end(inDoubt.filter((_, i) => !isComplete[i]))
    progress((examined += inDoubt.length))
    after = inDoubt.at(-1)?.id
  }
  const { merged, recovered, revocations_recovered: revocations, revoked } = restored
  audit({ type: 'postgres_restored', reason: by, merged, recovered, revocations, revoked })
  await events.flush()
  return restored
}

type Views = ReturnType<typeof viewsOf>

/** Redis by three epochs: the lower the epoch, the more copies count. */
function viewsOf(redis: RedisAccess, epoch: number | null) {
  const complete = epoch === null ? null : new RedisFamilyStore(redis, () => epoch)
  return {
    /** Whole families of any epoch. */
    all: new RedisFamilyStore(redis, () => 0),
    /** These, and families of which there is only a tombstone. */
    tombstones: new RedisFamilyStore(redis, () => -1),
    /** Whether Redis has a copy that no revocation can have missed. */
    isComplete: async (id: FamilyId) => complete !== null && (await complete.load(id)) !== null,
  }
}

/**
 * Merges what Redis has of these families into Postgres, and counts it. Returns the live ones that Postgres does not have and
 * that may have ended: they are to be ended.
 */
async function mergeIntoPostgres(
  { durable, accounts }: RestoreParts,
  ids: readonly FamilyId[],
  { all, tombstones, isComplete }: Views,
  restored: Restored,
): Promise<Family[]> {
  const copies = (await Promise.all(ids.map((id) => all.load(id)))).map((found) => found?.family ?? null)
  const updates = await Promise.all(
    ids.map(async (id, i): Promise<FamilyUpdate | null> => {
      const copy = copies[i]
      if (copy) return { id, expiresAt: copy.expiresAt, state: copy }
      // The empty state changes nothing, and an expiry of 0 does not create a key that has expired meanwhile.
      const state = await tombstones.advance({ id, expiresAt: 0, state: EMPTY_STATE })
      return state && { id, expiresAt: 0, state }
    }),
  )
  const before = await durable.merge(updates.filter((update) => update !== null))
  for (const update of updates)
    if (update?.state.revoked && before.get(update.id)?.revoked === null) restored.revocations_recovered++
  restored.merged += before.size

  const missing = copies.filter((copy) => copy !== null).filter((copy) => !before.has(copy.id) && !copy.revoked)
  const users = await accounts.existing(missing.map(({ userId }) => userId))
  const continues = await Promise.all(
    missing.map(async ({ id, userId }) => users.has(userId) && (await isComplete(id))),
  )
  for (const family of missing.filter((_, i) => continues[i])) {
    await durable.open(family, { device: null, ip: null })
    restored.recovered++
    restored.merged++
  }
  return missing.filter((_, i) => !continues[i])
}
