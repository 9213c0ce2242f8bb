import type { Family as FamilyRow, Prisma } from '../generated/prisma/client.ts'
import { type FamilyId, type Revocable, UNREDEEMED_KEPT_MS } from '../rules/family.ts'
import { type Database, query } from '../postgres/database.ts'

export interface Session {
  /** The family behind the session. It never leaves the server. */
  family: FamilyId
  sid: string
  userId: string
  clientId: string
  device: string | null
  ip: string | null
  createdAt: Date
  /** The highest generation that was redeemed, as Postgres has it. */
  redeemed: number
  /** The last refresh, or the login. */
  lastUsedAt: Date
  expiresAt: Date
  statusIndex: number
  revokedAt: Date | null
  revokedReason: string | null
  /** As in `Grant`. */
  parent: string | null
}

/** What may decide whether a session is to be ended. */
export type EndableSession = Revocable & Position & Pick<Session, 'clientId' | 'parent' | 'redeemed'>

/** Where a page ends: the last session of it. */
export type Position = Pick<Session, 'sid' | 'createdAt'>

/** Rows that one statement reads. Even from a cold disk, it takes less than a second. */
const SCANNED_AT_ONCE = 5_000

/** Sessions as users see them: found by session id or user, never by token. It only reads Postgres; no refresh uses it. */
export class Sessions {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Newest first, starting after `after`. Includes ended sessions that are not pruned yet. */
  async ofUser(userId: string, limit: number, after?: Position): Promise<Session[]> {
    return this.#page({ userId }, limit, after)
  }

  /**
   * The same, but only sessions that are not revoked, and within their absolute and this idle lifetime at `now`. Times in
   * milliseconds. Their clients may allow less.
   */
  async liveOfUser(userId: string, now: number, idleMs: number, limit: number, after?: Position): Promise<Session[]> {
    const [expiresAt, redeemedAt] = [{ gt: new Date(now) }, { gt: new Date(now - idleMs) }]
    return this.#page({ userId, revokedAt: null, expiresAt, redeemedAt }, limit, after)
  }

  async #page(where: Prisma.FamilyWhereInput, limit: number, after?: Position): Promise<Session[]> {
    const beyond: Prisma.FamilyWhereInput = after
      ? {
          createdAt: { lte: after.createdAt },
          // If two were opened at the same time, the session id decides.
          OR: [{ createdAt: { lt: after.createdAt } }, { sid: { lt: after.sid } }],
        }
      : {}
    const orderBy = [{ createdAt: 'desc' as const }, { sid: 'desc' as const }]
    const rows = await query(this.#database.family.findMany({ where: { AND: [where, beyond] }, orderBy, take: limit }))
    return rows.map(toSession)
  }

  /**
   * Up to `limit` sessions that are neither revoked nor past their absolute end, oldest first, starting after `after`.
   * Includes idle ones, since Postgres may lack their last refreshes. With the time of Postgres, in milliseconds.
   */
  async notRevoked(
    userId: string,
    limit: number,
    after?: Position,
  ): Promise<{ sessions: EndableSession[]; now: number }> {
    const { createdAt, sid } = after ?? { createdAt: new Date(0), sid: FIRST_UUID }
    // One JSON value: separate rows would take ten times as long to read here.
    const [row] = await query(this.#database.$queryRaw<{ now: Date; sessions: ListedRow[] | null }[]>`
      SELECT clock_timestamp() AS now,
        json_agg(json_build_array(id, sid, created_at, expires_at, status_index, client_id, parent, redeemed)) AS sessions
      FROM (SELECT encode(id, 'hex') AS id, sid, created_at, (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at,
              status_index, client_id, parent, redeemed
            FROM ${this.#database.tables.families} WHERE user_id = ${userId}::uuid AND revoked_at IS NULL AND expires_at > clock_timestamp()
              AND (created_at, sid) > (${createdAt}, ${sid}::uuid)
            ORDER BY created_at, sid LIMIT ${limit}) AS listed`)
    const sessions = (row?.sessions ?? []).map(([id, ownSid, openedAt, expiresAt, statusIndex, clientId, ...rest]) => ({
      id: Buffer.from(id, 'hex').toString('base64url'),
      sid: ownSid,
      userId,
      createdAt: new Date(openedAt),
      expiresAt,
      statusIndex,
      clientId,
      parent: rest[0],
      redeemed: rest[1],
    }))
    return { sessions, now: (row?.now ?? new Date()).getTime() }
  }

  /**
   * Sessions of these clients that are over because of `ended_before`, and are neither revoked nor past their absolute end,
   * among the next families after `after`, in the order of their ids. `last` is where to go on, or null at the end. There is no
   * index: a login need not pay for what an operator does once in years. With the time of Postgres, in milliseconds.
   */
  async notRevokedOfClients(
    clientIds: readonly string[],
    after: FamilyId,
  ): Promise<{ sessions: (Revocable & { clientId: string })[]; last: FamilyId | null; now: number }> {
    const [row] = await query(this.#database.$queryRaw<
      { now: Date; last: string | null; sessions: OfClientRow[] | null }[]
    >`
      SELECT clock_timestamp() AS now, max(id) AS last,
        json_agg(json_build_array(id, sid, user_id, expires_at, status_index, client_id)) FILTER (WHERE is_wanted) AS sessions
      FROM (SELECT encode(id, 'hex') COLLATE "C" AS id, sid, user_id, status_index, client_id,
              (extract(epoch FROM expires_at) * 1000)::bigint AS expires_at,
              client_id = ANY (${[...clientIds]}) AND revoked_at IS NULL AND expires_at > clock_timestamp() AND EXISTS (
                SELECT FROM ${this.#database.tables.clients} AS c
                WHERE c.id = f.client_id AND (c.disabled OR f.created_at < c.ended_before)) AS is_wanted
            FROM ${this.#database.tables.families} AS f WHERE f.id > ${Buffer.from(after, 'base64url')}
            ORDER BY f.id LIMIT ${SCANNED_AT_ONCE}) AS page`)
    const toFamily = (hex: string) => Buffer.from(hex, 'hex').toString('base64url')
    const sessions = (row?.sessions ?? []).map(([id, sid, userId, expiresAt, statusIndex, clientId]) => ({
      id: toFamily(id),
      sid,
      userId,
      expiresAt,
      statusIndex,
      clientId,
    }))
    return { sessions, last: row?.last ? toFamily(row.last) : null, now: (row?.now ?? new Date()).getTime() }
  }

  /** Null if the user has no such session. `sid` must be a UUID. */
  async find(userId: string, sid: string): Promise<Session | null> {
    const row = await query(this.#database.family.findFirst({ where: { userId, sid } }))
    return row && toSession(row)
  }

  /**
   * While Postgres is rolled back: up to `limit` sessions that are neither revoked nor past their end, ordered by family,
   * starting after `after`. Otherwise none.
   */
  async inDoubt(after: FamilyId, limit: number): Promise<Revocable[]> {
    const { families, history } = this.#database.tables
    const rows = await query(this.#database.$queryRaw<
      { id: Uint8Array; sid: string; user_id: string; expires_at: Date; status_index: bigint }[]
    >`
      SELECT id, sid, user_id, expires_at, status_index FROM ${families}
      WHERE id > ${Buffer.from(after, 'base64url')} AND revoked_at IS NULL AND expires_at > clock_timestamp()
        AND (SELECT is_lost FROM ${history})
      ORDER BY id LIMIT ${limit}`)
    return rows.map((row) => ({
      id: Buffer.from(row.id).toString('base64url'),
      sid: row.sid,
      userId: row.user_id,
      expiresAt: row.expires_at.getTime(),
      statusIndex: Number(row.status_index),
    }))
  }

  /** Deletes up to `limit` families that ended before `before`, oldest first, skipping rows that are in use. */
  async prune(before: Date, limit: number): Promise<number> {
    const { families } = this.#database.tables
    return query(this.#database.$executeRaw`
      DELETE FROM ${families} WHERE id IN (
        SELECT id FROM ${families} WHERE expires_at < ${before} ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`)
  }

  /**
   * Deletes up to `limit` families whose code nobody redeemed, as `keptUntil` says. It looks at those of the last day, since
   * the index has all that were opened by a code; what it missed ends as the others do.
   * @param now milliseconds since the epoch.
   */
  async pruneCodes(now: number, limit: number): Promise<number> {
    const { families } = this.#database.tables
    const [from, to] = [new Date(now - DAY_MS), new Date(now - UNREDEEMED_KEPT_MS)]
    return query(this.#database.$executeRaw`
      DELETE FROM ${families} WHERE id IN (
        SELECT id FROM ${families} WHERE parent IS NOT NULL AND created_at > ${from} AND created_at < ${to} AND redeemed = 0
        LIMIT ${limit} FOR UPDATE SKIP LOCKED)`)
  }
}

const DAY_MS = 24 * 3_600_000

type ListedRow = [
  id: string,
  sid: string,
  createdAt: string,
  expiresAt: number,
  statusIndex: number,
  clientId: string,
  parent: string | null,
  redeemed: number,
]
type OfClientRow = [id: string, sid: string, userId: string, expiresAt: number, statusIndex: number, clientId: string]

const FIRST_UUID = '00000000-0000-0000-0000-000000000000'

function toSession(row: FamilyRow): Session {
  const { id, redeemed, redeemedAt, sid, userId, clientId, device, ip, createdAt, expiresAt, parent } = row
  return {
    family: Buffer.from(id).toString('base64url'),
    sid,
    userId,
    clientId,
    device,
    ip,
    createdAt,
    redeemed: Number(redeemed),
    lastUsedAt: redeemedAt,
    expiresAt,
    statusIndex: Number(row.statusIndex),
    revokedAt: row.revokedAt,
    revokedReason: row.revokedReason,
    parent,
  }
}
