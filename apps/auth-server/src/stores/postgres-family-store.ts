import type { Prisma } from '../generated/prisma/client.ts'
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
import { type FamilyUpdate, type LoginStore, MOST_SURPLUS, type Origin, byRevocation } from './family-store.ts'
import { batch } from '../postgres/batch.ts'
import type { Tables } from '../postgres/tables.ts'

/** The record: one row a session. */
export class PostgresFamilyStore implements LoginStore {
  readonly #database: Database
  readonly load = batch((ids: FamilyId[]) => this.#loadAll(ids))
  readonly advance = batch((growths: FamilyUpdate[]) => this.#advanceAll(growths))

  constructor(database: Database) {
    this.#database = database
  }

  async open(family: Family, origin: Origin): Promise<void> {
    const data = [toRow(family, origin)]
    const { count } = await query(this.#database.family.createMany({ data, skipDuplicates: true }))
    if (count === 0) await this.merge([{ id: family.id, expiresAt: family.expiresAt, state: family }])
  }

  async openFor(...[userId, limits, origin, judge]: Parameters<LoginStore['openFor']>): Promise<void> {
    await query(
      this.#database.$transaction(async (transaction) => {
        // Against logins and changes of the same user; references to the row do not wait for it.
        await transaction.$queryRaw`SELECT FROM ${this.#database.tables.users} WHERE id = ${userId}::uuid FOR NO KEY UPDATE`
        const facts = await readFacts(transaction, this.#database.tables, userId, limits)
        const family = facts && judge(facts)
        if (family) await transaction.family.createMany({ data: [toRow(family, origin)] })
      }),
    )
  }

  /** Of many at once, a statement of their own: whoever advances one family meanwhile does not wait behind them. */
  async revoke(growths: readonly FamilyUpdate[]): Promise<void> {
    const [first] = growths
    if (first && growths.length === 1) await this.advance(first)
    else for (const group of byRevocation(growths)) await this.#revokeAll(group)
  }

  /** As `merge` does, and for many rows in a third of the time. */
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
        WHERE id IN (SELECT decode(unnest(string_to_array(${ids}, ',')), 'hex')) ORDER BY id FOR NO KEY UPDATE
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
      this.#database.$queryRaw<(GrantRow & MarksRow & { id: Uint8Array; now: Date })[]>`
      SELECT id, sid, user_id, client_id, scope, binding_key, created_at, expires_at,
             redeemed, redeemed_at, late_repeated, revoked_at, revoked_reason,
             date_trunc('milliseconds', clock_timestamp()) AS now
      FROM ${this.#database.tables.families} WHERE id = ANY (${ids.map(toBytes)})`,
    )
    const found = new Map(rows.map((row) => [toId(row.id), row]))
    return ids.map((id) => {
      const row = found.get(id)
      return row ? { family: { id, ...toGrant(row), ...toMarks(row) }, now: row.now.getTime() } : null
    })
  }

  /** One growth a family goes into the statement; of several, each sees those before it. */
  async #advanceAll(growths: readonly FamilyUpdate[]): Promise<(FamilyState | null)[]> {
    const whole = new Map<FamilyId, FamilyUpdate>()
    for (const growth of growths) {
      const first = whole.get(growth.id)
      whole.set(growth.id, first ? { ...first, state: merge(first.state, growth.state) } : growth)
    }
    const seen = await this.merge([...whole.values()])
    return growths.map(({ id, state }) => {
      const before = seen.get(id) ?? null
      if (before) seen.set(id, merge(before, state))
      return before
    })
  }

  /**
   * Merges any number of growths in one statement and answers the marks before, by family. The rows are locked in the
   * order of their ids, so that two batches cannot wait for each other.
   */
  async merge(growths: readonly FamilyUpdate[]): Promise<Map<FamilyId, FamilyState>> {
    const rows = growths.map(({ id, state }) => ({
      id: toBytes(id).toString('hex'),
      redeemed: state.redeemed,
      redeemed_at: new Date(Math.min(state.redeemedAt, FAR_FUTURE_MS)),
      late_repeated: state.lateRepeated,
      revoked_at: state.revoked && new Date(state.revoked.at),
      revoked_reason: state.revoked?.reason ?? null,
    }))
    const { families } = this.#database.tables
    const before = await query(this.#database.$queryRaw<(MarksRow & { id: Uint8Array })[]>`
      WITH growth AS (
        SELECT decode(id, 'hex') AS id, redeemed, redeemed_at, late_repeated, revoked_at, revoked_reason
        FROM json_to_recordset(${JSON.stringify(rows)}::json) AS g(
          id text, redeemed bigint, redeemed_at timestamptz, late_repeated bigint, revoked_at timestamptz, revoked_reason text)
      ), before AS MATERIALIZED (
        SELECT id, redeemed, redeemed_at, late_repeated, revoked_at, revoked_reason
        FROM ${families} WHERE id IN (SELECT id FROM growth) ORDER BY id FOR NO KEY UPDATE
      )
      UPDATE ${families} AS f SET
        redeemed = greatest(b.redeemed, g.redeemed),
        redeemed_at = CASE WHEN g.redeemed > b.redeemed THEN g.redeemed_at
                           WHEN g.redeemed < b.redeemed THEN b.redeemed_at
                           ELSE least(b.redeemed_at, g.redeemed_at) END,
        late_repeated = greatest(b.late_repeated, g.late_repeated),
        revoked_at = least(b.revoked_at, g.revoked_at),
        revoked_reason = CASE WHEN g.revoked_at IS NULL OR b.revoked_at < g.revoked_at THEN b.revoked_reason
                              WHEN b.revoked_at = g.revoked_at THEN least(b.revoked_reason, g.revoked_reason)
                              ELSE g.revoked_reason END
      FROM growth AS g JOIN before AS b USING (id)
      WHERE f.id = b.id
      RETURNING b.id, b.redeemed, b.redeemed_at, b.late_repeated, b.revoked_at, b.revoked_reason`)
    return new Map(before.map((row) => [toId(row.id), toMarks(row)]))
  }
}

/** JavaScript's last date is later than any that Postgres' JSON takes. Only ever compared by `least`. */
const FAR_FUTURE_MS = Date.UTC(9999, 0)

interface GrantRow {
  sid: string
  user_id: string
  client_id: string
  scope: string
  binding_key: string | null
  created_at: Date
  expires_at: Date
}

interface MarksRow {
  redeemed: bigint
  redeemed_at: Date
  late_repeated: bigint | null
  revoked_at: Date | null
  revoked_reason: string | null
}

/** In a statement after the one that locks: what came in between is seen. */
async function readFacts(
  transaction: Prisma.TransactionClient,
  { families }: Tables,
  userId: string,
  { sessions, logins }: { sessions: number; logins: number },
) {
  const account = await transaction.user.findUnique({ where: { id: userId } })
  const [row] = await transaction.$queryRaw<FactsRow[]>`
    SELECT clock_timestamp() AS now,
      (SELECT created_at FROM ${families} WHERE user_id = ${userId}::uuid
       ORDER BY created_at DESC OFFSET ${logins - 1} LIMIT 1) AS earlier_login_at,
      (SELECT json_agg(s) FROM (
         SELECT encode(id, 'hex') AS id, sid, (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at FROM ${families}
         WHERE user_id = ${userId}::uuid AND revoked_at IS NULL AND expires_at > clock_timestamp()
         ORDER BY redeemed_at DESC, id OFFSET ${sessions - 1} LIMIT ${MOST_SURPLUS}) AS s) AS surplus`
  if (!account || !row) return null
  const surplus = (row.surplus ?? []).map(({ id, sid, expires_at: expiresAt }) => ({
    id: toId(Buffer.from(id, 'hex')),
    sid,
    userId,
    expiresAt,
  }))
  const earlierLoginAt = row.earlier_login_at?.getTime() ?? null
  return { account: toAccount(account), now: row.now.getTime(), earlierLoginAt, surplus }
}

interface FactsRow {
  now: Date
  earlier_login_at: Date | null
  surplus: { id: string; sid: string; expires_at: number }[] | null
}

function toRow(family: Family, { device, ip }: Origin) {
  const { revoked, ...rest } = family
  return {
    ...rest,
    id: toBytes(family.id),
    createdAt: new Date(family.createdAt),
    expiresAt: new Date(family.expiresAt),
    redeemedAt: new Date(family.redeemedAt),
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

function toGrant(row: GrantRow) {
  return {
    sid: row.sid,
    userId: row.user_id,
    clientId: row.client_id,
    scope: row.scope,
    bindingKey: row.binding_key,
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at.getTime(),
  }
}

function toMarks(row: MarksRow): FamilyState {
  return {
    redeemed: Number(row.redeemed),
    redeemedAt: row.redeemed_at.getTime(),
    lateRepeated: row.late_repeated === null ? null : Number(row.late_repeated),
    revoked: row.revoked_at && { at: row.revoked_at.getTime(), reason: row.revoked_reason as RevocationReason },
  }
}
