import type { FamilyId, Grant } from '../rules/family.ts'
import { type Database, ask } from './database.ts'

export interface Session {
  /** The family behind the session. Stays in the server. */
  family: FamilyId
  sid: string
  userId: string
  clientId: string
  device: string | null
  ip: string | null
  createdAt: Date
  /** The last refresh, or the login. */
  lastUsedAt: Date
  expiresAt: Date
  revokedAt: Date | null
  revokedReason: string | null
}

/** Families as seen by people: found by session id or user, never by token. Postgres only; off the path of a refresh. */
export class Sessions {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Newest first, also the ended ones that are not pruned yet. */
  async ofUser(userId: string): Promise<Session[]> {
    const rows = await ask(this.#database.family.findMany({ where: { userId }, orderBy: { createdAt: 'desc' } }))
    return rows.map(toSession)
  }

  /** Null where the user has no such session. `sid` must be a UUID. */
  async find(userId: string, sid: string): Promise<Session | null> {
    const row = await ask(this.#database.family.findFirst({ where: { userId, sid } }))
    return row && toSession(row)
  }

  /**
   * While Postgres is one that lost something: up to `limit` of those that are neither revoked nor past their end, by
   * family, from the one after `after` on.
   */
  async inDoubt(after: FamilyId, limit: number): Promise<Pick<Grant, 'id' | 'sid' | 'userId' | 'expiresAt'>[]> {
    const { families, history } = this.#database.tables
    const rows = await ask(this.#database.$queryRaw<
      { id: Uint8Array; sid: string; user_id: string; expires_at: Date }[]
    >`
      SELECT id, sid, user_id, expires_at FROM ${families}
      WHERE id > ${Buffer.from(after, 'base64url')} AND revoked_at IS NULL AND expires_at > clock_timestamp()
        AND (SELECT is_lost FROM ${history})
      ORDER BY id LIMIT ${limit}`)
    return rows.map((row) => ({
      id: Buffer.from(row.id).toString('base64url'),
      sid: row.sid,
      userId: row.user_id,
      expiresAt: row.expires_at.getTime(),
    }))
  }

  /** Deletes up to `limit` families that ended before `before`, oldest first, skipping rows that are in use. */
  async prune(before: Date, limit: number): Promise<number> {
    const { families } = this.#database.tables
    return ask(this.#database.$executeRaw`
      DELETE FROM ${families} WHERE id IN (
        SELECT id FROM ${families} WHERE expires_at < ${before} ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`)
  }
}

function toSession(row: {
  id: Uint8Array
  sid: string
  userId: string
  clientId: string
  device: string | null
  ip: string | null
  createdAt: Date
  redeemedAt: Date
  expiresAt: Date
  revokedAt: Date | null
  revokedReason: string | null
}): Session {
  const { id, redeemedAt, sid, userId, clientId, device, ip, createdAt, expiresAt, revokedAt, revokedReason } = row
  const family = Buffer.from(id).toString('base64url')
  return {
    family,
    sid,
    userId,
    clientId,
    device,
    ip,
    createdAt,
    lastUsedAt: redeemedAt,
    expiresAt,
    revokedAt,
    revokedReason,
  }
}
