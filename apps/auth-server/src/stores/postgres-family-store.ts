import { Prisma } from '../generated/prisma/client.ts'
import {
  type Family,
  type FamilyId,
  type FamilyState,
  type Revocation,
  type RevocationReason,
  merge,
} from '../rules/family.ts'
import { toAccount } from './accounts.ts'
import { type Database, query } from '../postgres/database.ts'
import {
  type FamilyRevocation,
  type FamilyUpdate,
  type LoginStore,
  MAX_DELETED,
  MAX_REVOKED_KEPT,
  MAX_SURPLUS,
  type Origin,
  byRevocation,
} from './family-store.ts'
import { GRANT_COLUMNS, grantFromPostgres, grantToPostgres } from './grant-fields.ts'
import { batch } from '../postgres/batch.ts'
import type { Tables } from '../postgres/tables.ts'

/** The durable store: one row per session. */
export class PostgresFamilyStore implements LoginStore {
  readonly #database: Database
  readonly load = batch((ids: FamilyId[]) => this.#loadAll(ids))
  readonly advance = batch((updates: FamilyUpdate[]) => this.#advanceAll(updates))

  constructor(database: Database) {
    this.#database = database
  }

  async open(family: Family, origin: Origin): Promise<void> {
    const data = [toRow(family, origin)]
    const { count } = await query(this.#database.family.createMany({ data, skipDuplicates: true }))
    if (count === 0) await this.merge([{ id: family.id, expiresAt: family.expiresAt, state: family }])
  }

  async openFor(...[userId, limits, origin, decide]: Parameters<LoginStore['openFor']>): Promise<void> {
    await query(
      this.#database.$transaction(async (transaction) => {
        // Excludes logins and changes of the same user. Inserts that reference the row do not wait for this lock.
        await transaction.$queryRaw`SELECT FROM ${this.#database.tables.users} WHERE id = ${userId}::uuid FOR NO KEY UPDATE`
        const facts = await readFacts(transaction, this.#database.tables, userId, limits)
        const family = facts && decide(facts)
        if (!family) return
        await transaction.family.createMany({ data: [toRow(family, origin)] })
        if (facts.keepsTooMany) await deleteSome(transaction, this.#database.tables, userId, limits)
      }),
    )
  }

  advanceOnce(update: FamilyUpdate): Promise<FamilyState | null> {
    return this.advance(update)
  }

  /** Many revocations get a statement of their own, so that a refresh of one family does not wait behind them. */
  async revoke(updates: readonly FamilyRevocation[]): Promise<void> {
    const [first] = updates
    if (first && updates.length === 1) await this.advance(first)
    else for (const group of byRevocation(updates)) await this.#revokeAll(group)
  }

  /** Does what `merge` does, for many rows in a third of the time. */
  async #revokeAll({
    revoked: { at, reason },
    families,
  }: {
    revoked: Revocation
    families: FamilyUpdate[]
  }): Promise<void> {
    const ids = families.map(({ id }) => toBytes(id).toString('hex')).join()
    const table = this.#database.tables.families
    await query(this.#database.$executeRaw`
      WITH ending AS MATERIALIZED (
        SELECT id FROM ${table}
        WHERE id = ANY (ARRAY(SELECT decode(unnest(string_to_array(${ids}, ',')), 'hex'))) ORDER BY id FOR NO KEY UPDATE
      )
      UPDATE ${table} AS f SET
        revoked_at = least(f.revoked_at, ${new Date(at)}),
        revoked_reason = CASE WHEN f.revoked_at < ${new Date(at)} THEN f.revoked_reason
                              WHEN f.revoked_at = ${new Date(at)} THEN least(f.revoked_reason, ${reason})
                              ELSE ${reason} END
      FROM ending WHERE f.id = ending.id`)
  }

  async #loadAll(ids: readonly FamilyId[]): Promise<({ family: Family; now: number } | null)[]> {
    const rows = await query(
      this.#database.$queryRaw<(StateRow & { id: Uint8Array; now: Date })[]>`
      SELECT id, ${GRANT}, redeemed, redeemed_at, late_repeated, revoked_at, revoked_reason,
             date_trunc('milliseconds', clock_timestamp()) AS now
      FROM ${this.#database.tables.families} WHERE id = ANY (${ids.map(toBytes)})`,
    )
    const found = new Map(rows.map((row) => [toId(row.id), row]))
    return ids.map((id) => {
      const row = found.get(id)
      return row ? { family: { ...grantFromPostgres(id, row), ...toState(row) }, now: row.now.getTime() } : null
    })
  }

  /** The statement has one update per family. Of several updates of one family, each result includes those before it. */
  async #advanceAll(updates: readonly FamilyUpdate[]): Promise<(FamilyState | null)[]> {
    const whole = new Map<FamilyId, FamilyUpdate>()
    for (const update of updates) {
      const first = whole.get(update.id)
      whole.set(update.id, first ? { ...first, state: merge(first.state, update.state) } : update)
    }
    const seen = await this.merge([...whole.values()])
    return updates.map(({ id, state }) => {
      const before = seen.get(id) ?? null
      if (before) seen.set(id, merge(before, state))
      return before
    })
  }

  /**
   * Merges any number of updates in one statement and returns the states before, by family. The rows are locked in the
   * order of their ids, so that two batches cannot deadlock.
   */
  async merge(updates: readonly FamilyUpdate[]): Promise<Map<FamilyId, FamilyState>> {
    const rows = updates.map(({ id, state }) => ({
      id: toBytes(id).toString('hex'),
      redeemed: state.redeemed,
      redeemed_at: new Date(Math.min(state.redeemedAt, FAR_FUTURE_MS)),
      late_repeated: state.lateRepeated,
      revoked_at: state.revoked && new Date(state.revoked.at),
      revoked_reason: state.revoked?.reason ?? null,
    }))
    const { families } = this.#database.tables
    const before = await query(this.#database.$queryRaw<(StateRow & { id: Uint8Array })[]>`
      WITH updates AS (
        SELECT decode(id, 'hex') AS id, redeemed, redeemed_at, late_repeated, revoked_at, revoked_reason
        FROM json_to_recordset(${JSON.stringify(rows)}::json) AS u(
          id text, redeemed bigint, redeemed_at timestamptz, late_repeated bigint, revoked_at timestamptz, revoked_reason text)
      ), before AS MATERIALIZED (
        SELECT id, redeemed, redeemed_at, late_repeated, revoked_at, revoked_reason
        FROM ${families} WHERE id IN (SELECT id FROM updates) ORDER BY id FOR NO KEY UPDATE
      )
      UPDATE ${families} AS f SET
        redeemed = greatest(b.redeemed, u.redeemed),
        redeemed_at = CASE WHEN u.redeemed > b.redeemed THEN u.redeemed_at
                           WHEN u.redeemed < b.redeemed THEN b.redeemed_at
                           ELSE least(b.redeemed_at, u.redeemed_at) END,
        late_repeated = greatest(b.late_repeated, u.late_repeated),
        revoked_at = least(b.revoked_at, u.revoked_at),
        revoked_reason = CASE WHEN u.revoked_at IS NULL OR b.revoked_at < u.revoked_at THEN b.revoked_reason
                              WHEN b.revoked_at = u.revoked_at THEN least(b.revoked_reason, u.revoked_reason)
                              ELSE u.revoked_reason END
      FROM updates AS u JOIN before AS b USING (id)
      WHERE f.id = b.id
      RETURNING b.id, b.redeemed, b.redeemed_at, b.late_repeated, b.revoked_at, b.revoked_reason`)
    return new Map(before.map((row) => [toId(row.id), toState(row)]))
  }
}

const GRANT = Prisma.raw(GRANT_COLUMNS)

/** JavaScript's last date is later than any that Postgres' JSON accepts. It is only compared by `least`. */
const FAR_FUTURE_MS = Date.UTC(9999, 0)

interface StateRow {
  redeemed: bigint
  redeemed_at: Date
  late_repeated: bigint | null
  revoked_at: Date | null
  revoked_reason: string | null
}

/** Must be another statement than the one that locks: it sees what was committed while that one waited. */
async function readFacts(
  transaction: Prisma.TransactionClient,
  { families, statusIndexes }: Tables,
  userId: string,
  { sessions, logins }: { sessions: number; logins: number },
) {
  const account = await transaction.user.findUnique({ where: { id: userId } })
  const [row] = await transaction.$queryRaw<FactsRow[]>`
    SELECT clock_timestamp() AS now, nextval(${statusIndexes.sql}::text::regclass) AS status_index,
      (SELECT created_at FROM ${families} WHERE user_id = ${userId}::uuid
       ORDER BY created_at DESC OFFSET ${logins - 1} LIMIT 1) AS earlier_login_at,
      (SELECT json_agg(s) FROM (
         SELECT encode(id, 'hex') AS id, sid, status_index, (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at FROM ${families}
         WHERE user_id = ${userId}::uuid AND revoked_at IS NULL AND expires_at > clock_timestamp()
           AND (parent IS NULL OR redeemed > 0)
         ORDER BY redeemed_at DESC, id OFFSET ${sessions - 1} LIMIT ${MAX_SURPLUS}) AS s) AS surplus,
      EXISTS (SELECT FROM ${families} WHERE user_id = ${userId}::uuid AND revoked_at IS NOT NULL
              OFFSET ${revokedKept({ logins })}) AS keeps_too_many`
  if (!account || !row) return null
  const surplus = (row.surplus ?? []).map(({ id, sid, expires_at: expiresAt, status_index: statusIndex }) => ({
    id: toId(Buffer.from(id, 'hex')),
    sid,
    userId,
    expiresAt,
    statusIndex,
  }))
  const earlierLoginAt = row.earlier_login_at?.getTime() ?? null
  return {
    account: toAccount(account),
    now: row.now.getTime(),
    earlierLoginAt,
    statusIndex: Number(row.status_index),
    surplus,
    keepsTooMany: row.keeps_too_many,
  }
}

/** Logins are counted by the rows that they left, so that many have to stay. */
const revokedKept = ({ logins }: { logins: number }) => Math.max(MAX_REVOKED_KEPT, logins)

/** Skips rows that are in use. A family without its row is not known, and as dead as a revoked one; Redis keeps the tombstone. */
async function deleteSome(
  transaction: Prisma.TransactionClient,
  { families }: Tables,
  userId: string,
  limits: { logins: number },
): Promise<void> {
  await transaction.$executeRaw`
    DELETE FROM ${families} WHERE id IN (
      SELECT id FROM ${families} WHERE id IN (
        SELECT id FROM ${families} WHERE user_id = ${userId}::uuid AND revoked_at IS NOT NULL
        ORDER BY created_at DESC, id OFFSET ${revokedKept(limits)} LIMIT ${MAX_DELETED})
      FOR UPDATE SKIP LOCKED)`
}

interface FactsRow {
  now: Date
  earlier_login_at: Date | null
  status_index: bigint
  surplus: { id: string; sid: string; expires_at: number; status_index: number }[] | null
  keeps_too_many: boolean
}

function toRow(family: Family, { device, ip }: Origin) {
  const { revoked } = family
  return {
    ...grantToPostgres(family),
    id: toBytes(family.id),
    redeemed: family.redeemed,
    redeemedAt: new Date(family.redeemedAt),
    lateRepeated: family.lateRepeated,
    revokedAt: revoked && new Date(revoked.at),
    revokedReason: revoked?.reason ?? null,
    device,
    ip,
  }
}

function toBytes(id: FamilyId) {
  return Buffer.from(id, 'base64url')
}

const toId = (bytes: Uint8Array): FamilyId => Buffer.from(bytes).toString('base64url')

function toState(row: StateRow): FamilyState {
  return {
    redeemed: Number(row.redeemed),
    redeemedAt: row.redeemed_at.getTime(),
    lateRepeated: row.late_repeated === null ? null : Number(row.late_repeated),
    revoked: row.revoked_at && { at: row.revoked_at.getTime(), reason: row.revoked_reason as RevocationReason },
  }
}
