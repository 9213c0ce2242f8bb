import { Prisma } from '../generated/prisma/client.ts'
import {
  EMPTY_STATE,
  type Family,
  type FamilyId,
  type FamilyState,
  type Revocation,
  type RevocationReason,
  merge,
} from '../rules/family.ts'
import { type AccountJson, accountFromJson } from './accounts.ts'
import { type Database, query } from '../postgres/database.ts'
import {
  type FamilyRevocation,
  type FamilyUpdate,
  type LoginFacts,
  type LoginStore,
  MAX_DELETED,
  MAX_REVOKED_KEPT,
  MAX_SURPLUS,
  type Opening,
  type OpeningTerms,
  type Origin,
  byRevocation,
} from './family-store.ts'
import { GIVEN_COLUMNS, GRANT_COLUMNS, givenToJson, grantFromPostgres, grantToPostgres } from './grant-fields.ts'
import { batch } from '../postgres/batch.ts'

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

  async openFor(opening: Opening, terms: OpeningTerms): Promise<LoginFacts | null> {
    const { families, loginFacts } = this.#database.tables
    const { grant, lifetimeMs, origin } = opening
    const given = { ...givenToJson(grant), id: `\\x${toBytes(grant.id).toString('hex')}`, ...origin }
    const { version, notBefore, windowMs, sessions, logins } = terms
    const revokedKept = Math.max(MAX_REVOKED_KEPT, logins)
    const numbers = {
      version,
      not_before: new Date(Math.min(notBefore, FAR_FUTURE_MS)),
      window_ms: windowMs,
      sessions,
      logins,
      lifetime_ms: lifetimeMs,
    }
    // Two parameters only, so that the statement has a name and its plan is reused.
    const [row] = await query(this.#database.$queryRaw<OpenedRow[]>`
      WITH given AS MATERIALIZED (
        SELECT * FROM json_populate_record(NULL::${families}, ${JSON.stringify(given)}::json)
      ), terms AS MATERIALIZED (
        SELECT * FROM json_to_record(${JSON.stringify({ ...numbers, revoked_kept: revokedKept })}::json) AS t(version integer,
          not_before timestamptz, window_ms bigint, sessions integer, logins integer, lifetime_ms bigint, revoked_kept integer)
      ), facts AS MATERIALIZED (
        SELECT f.* FROM given AS g, terms AS t,
          LATERAL ${loginFacts}(g.user_id, t.sessions, t.logins, ${Prisma.raw(String(MAX_SURPLUS))}, t.revoked_kept) AS f
      ), opened AS (
        INSERT INTO ${families} (id, ${GIVEN}, device, ip, created_at, expires_at, redeemed_at)
        SELECT g.id, ${GIVEN}, device, ip, at, at + lifetime_ms * interval '1 ms', at FROM given AS g, terms AS t, facts AS f
        WHERE (f.account->>'version')::integer = t.version AND f.account->>'disabled_at' IS NULL AND f.at >= t.not_before
          AND coalesce(f.earlier_login_at + t.window_ms * interval '1 ms' <= f.at, true)
        RETURNING expires_at, status_index
      ), deleted AS (
        -- Skips rows that are in use. A family without its row is not known, and as dead as a revoked one; Redis keeps the tombstone.
        DELETE FROM ${families} WHERE id IN (
          SELECT id FROM ${families} WHERE id IN (
            SELECT f.id FROM ${families} AS f WHERE (SELECT keeps_too_many FROM facts)
              AND f.user_id = (SELECT user_id FROM given) AND f.revoked_at IS NOT NULL
            ORDER BY f.created_at DESC, f.id OFFSET (SELECT revoked_kept FROM terms) LIMIT ${Prisma.raw(String(MAX_DELETED))})
          FOR UPDATE SKIP LOCKED)
      )
      SELECT account, at, earlier_login_at, surplus, expires_at, status_index FROM facts LEFT JOIN opened ON true`)
    if (!row) return null
    const now = row.at.getTime()
    const { expires_at: expiresAt, status_index: statusIndex } = row
    return {
      family:
        expiresAt === null || statusIndex === null
          ? null
          : {
              ...EMPTY_STATE,
              ...grant,
              createdAt: now,
              expiresAt: expiresAt.getTime(),
              statusIndex: Number(statusIndex),
              redeemedAt: now,
            },
      account: accountFromJson(row.account),
      now,
      earlierLoginAt: row.earlier_login_at?.getTime() ?? null,
      surplus: (row.surplus ?? []).map((one) => ({
        id: toId(Buffer.from(one.id, 'hex')),
        sid: one.sid,
        userId: grant.userId,
        expiresAt: one.expires_at,
        statusIndex: one.status_index,
      })),
    }
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
const GIVEN = Prisma.raw(GIVEN_COLUMNS.join(', '))

/** JavaScript's last date is later than any that Postgres' JSON accepts. It is only compared by `least`. */
const FAR_FUTURE_MS = Date.UTC(9999, 0)

interface StateRow {
  redeemed: bigint
  redeemed_at: Date
  late_repeated: bigint | null
  revoked_at: Date | null
  revoked_reason: string | null
}

interface OpenedRow {
  account: AccountJson
  at: Date
  earlier_login_at: Date | null
  surplus: { id: string; sid: string; expires_at: number; status_index: number }[] | null
  /** Null if none was opened. */
  expires_at: Date | null
  status_index: bigint | null
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
