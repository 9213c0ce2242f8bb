import { createHash } from 'node:crypto'
import { loginAccount } from '../credentials/attempt-throttle.ts'
import { type Database, query } from '../postgres/database.ts'
import type { FamilyId } from '../rules/family.ts'

/** What may be left of a deleted user in Redis. */
export interface Remains {
  userId: string
  /** Those that had not reached their absolute end. */
  families: FamilyId[]
  /** By what failed logins were counted. */
  attempts: string
}

/** Rows in one statement. */
const BATCH = 5_000
/** Users whose ids one statement hashes: a tenth of a second. */
const HASHED_AT_ONCE = 50_000

/** How a deleted user is remembered: in hex. Only someone who knows the id, or has a backup, can tell whom it means. */
export const userHash = (userId: string): string =>
  createHash('sha256')
    .update(Buffer.from(userId.replaceAll('-', ''), 'hex'))
    .digest('hex')

/**
 * Deletes users in Postgres, and keeps who was deleted. What is recorded first is carried out in steps, each of which may be
 * repeated. Every method throws `StoreUnavailable` if Postgres gives no answer.
 */
export class DeletedUsers {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Records that a user is to be deleted, and what is to be removed elsewhere. Does nothing for a user who is not there. */
  async record(userId: string): Promise<void> {
    const { deletedUsers, users, families } = this.#database.tables
    const user = await query(this.#database.user.findUnique({ where: { id: userId }, select: { usernameKey: true } }))
    const attempts = loginAccount(user?.usernameKey ?? '')
    await query(this.#database.$executeRaw`
      INSERT INTO ${deletedUsers} (id_sha256, deleted_at, user_id, families, attempts)
      SELECT sha256(uuid_send(u.id)), clock_timestamp(), u.id,
        ARRAY(SELECT f.id FROM ${families} AS f WHERE f.user_id = u.id AND f.expires_at > clock_timestamp()), ${attempts}
      FROM ${users} AS u WHERE u.id = ${userId}::uuid
      ON CONFLICT (id_sha256) DO UPDATE SET deleted_at = excluded.deleted_at, user_id = excluded.user_id,
        families = excluded.families, attempts = excluded.attempts`)
  }

  /** Removes every row that has the user's id. In batches, so that no lock is held for long. */
  async removeRows(userId: string): Promise<void> {
    const { users, families, securityEvents } = this.#database.tables
    await inBatches(() =>
      query(this.#database.$executeRaw`
        DELETE FROM ${families} WHERE id IN (
          SELECT id FROM ${families} WHERE user_id = ${userId}::uuid ORDER BY id LIMIT ${BATCH} FOR UPDATE)`),
    )
    // The consents go with it.
    await query(this.#database.$executeRaw`DELETE FROM ${users} WHERE id = ${userId}::uuid`)
    await inBatches(() =>
      query(this.#database.$executeRaw`
        DELETE FROM ${securityEvents} WHERE id IN (
          SELECT id FROM ${securityEvents} WHERE user_id = ${userId}::uuid ORDER BY id LIMIT ${BATCH} FOR UPDATE)`),
    )
    // What an administrator did to others stays.
    await query(this.#database.$executeRaw`
      UPDATE ${securityEvents} SET detail = jsonb_set(detail, '{by}', '"user:deleted"') WHERE detail ->> 'by' = ${`user:${userId}`}`)
  }

  /**
   * Users of whom something may be left. `isSettled`: recorded so long ago that no request of before is still at work.
   * @param settledAfterMs that time.
   */
  async unfinished(limit: number, settledAfterMs: number): Promise<(Remains & { isSettled: boolean })[]> {
    const { deletedUsers } = this.#database.tables
    const rows = await query(this.#database.$queryRaw<
      { user_id: string; families: Uint8Array[]; attempts: string; is_settled: boolean }[]
    >`
      SELECT user_id, families, attempts,
        deleted_at < clock_timestamp() - ${settledAfterMs} * interval '1 millisecond' AS is_settled
      FROM ${deletedUsers} WHERE user_id IS NOT NULL ORDER BY deleted_at LIMIT ${limit}`)
    return rows.map((row) => ({
      userId: row.user_id,
      families: row.families.map((id) => Buffer.from(id).toString('base64url')),
      attempts: row.attempts,
      isSettled: row.is_settled,
    }))
  }

  /** Nothing is left: only the hash of the id stays. */
  async finish(userId: string): Promise<void> {
    const cleared = { userId: null, families: [], attempts: null }
    await query(this.#database.deletedUser.updateMany({ where: { userId }, data: cleared }))
  }

  async count(): Promise<number> {
    return query(this.#database.deletedUser.count())
  }

  /** The hashes of all who were deleted, some at a time. */
  async *hashes(): AsyncGenerator<string[]> {
    const { deletedUsers } = this.#database.tables
    for (let after = ''; ;) {
      const rows = await query(this.#database.$queryRaw<{ hash: string }[]>`
        SELECT encode(id_sha256, 'hex') AS hash FROM ${deletedUsers} WHERE id_sha256 > decode(${after}, 'hex')
        ORDER BY id_sha256 LIMIT ${BATCH}`)
      if (rows.length > 0) yield rows.map(({ hash }) => hash)
      if (rows.length < BATCH) return
      after = rows.at(-1)?.hash ?? ''
    }
  }

  /**
   * Users who are there although they were deleted, some at a time. It reads all users, in pages.
   * @param others hashes of more who were deleted.
   */
  async *returned(others: readonly string[]): AsyncGenerator<string[]> {
    const { users, deletedUsers } = this.#database.tables
    const known = others.map((hash) => Buffer.from(hash, 'hex'))
    for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
      const [page] = await query(this.#database.$queryRaw<{ last: string | null; returned: string[] | null }[]>`
        WITH page AS MATERIALIZED (
          SELECT id, sha256(uuid_send(id)) AS hash FROM ${users} WHERE id > ${after}::uuid ORDER BY id LIMIT ${HASHED_AT_ONCE})
        SELECT (SELECT id::text FROM page ORDER BY id DESC LIMIT 1) AS last,
          (SELECT json_agg(id) FROM page
           WHERE hash IN (SELECT d.id_sha256 FROM ${deletedUsers} AS d WHERE d.user_id IS NULL) OR hash = ANY (${known})) AS returned`)
      if (page?.returned) yield page.returned
      if (!page?.last) return
      after = page.last
    }
  }
}

async function inBatches(deleteSome: () => Promise<number>): Promise<void> {
  while ((await deleteSome()) === BATCH);
}
