import type { Position } from '../rules/decide-rollback.ts'
import { type Connection, type Database, query } from '../postgres/database.ts'
import type { Claim } from './restore-claim.ts'

/** A restore moves the position on by this much, past any position that a server may remember. */
const LEAP = 1_000_000_000

/** The row of `history`, and the row of `redis_trust` at the same moment. */
export interface PositionRow extends Position {
  isRolledBack: boolean
  /** The epoch of the fence, and the Redis process that it was begun for. */
  epoch: number
  runId: string
  /** A server works without Redis, or did in this epoch. */
  isSuspended: boolean
  /** When the answering process of Postgres was started. It changes when another one takes over. */
  started: string
}

/** The row as Prisma or pg reads it. */
interface RawRow {
  position: bigint | string
  mark: string
  is_lost: boolean
  epoch: bigint | string
  run_id: string
  is_suspended: boolean
  started: string
}

/** `started` as a number: two sessions may write the same time in different ways. */
const COLUMNS = `position, mark, is_lost, epoch, run_id, suspended_until IS NOT NULL AS is_suspended,
                 extract(epoch FROM pg_postmaster_start_time())::text AS started`

/** How far Postgres has come: a number that grows by one after each commit that Redis could not give back. */
export class PostgresPosition {
  readonly #database: Database
  readonly #select: string
  readonly #advance: string

  constructor(database: Database) {
    this.#database = database
    const { history, redisTrust } = database.tables
    this.#select = `SELECT ${COLUMNS} FROM ${history.sql}, ${redisTrust.sql}`
    this.#advance = `UPDATE ${history.sql} SET position = position + 1, mark = gen_random_uuid()
                     FROM ${redisTrust.sql} WHERE NOT is_lost RETURNING ${COLUMNS}`
  }

  async read(): Promise<PositionRow> {
    return toRow(await query(this.#database.$queryRawUnsafe<RawRow[]>(this.#select)))
  }

  async readThrough(connection: Connection): Promise<PositionRow> {
    const { rows } = await connection.query(this.#select)
    return toRow(rows as RawRow[])
  }

  /** Moves the position on by one; a Postgres that is rolled back stays where it is. */
  async advance(): Promise<PositionRow> {
    const rows = await query(this.#database.$queryRawUnsafe<RawRow[]>(this.#advance))
    return rows.length > 0 ? toRow(rows) : this.read()
  }

  /** Lets all servers see that Postgres is rolled back, unless a restore ended that after `newest` was read. */
  async setRolledBack(newest: number): Promise<void> {
    await query(
      this.#database
        .$executeRaw`UPDATE ${this.#database.tables.history} SET is_lost = true WHERE position < ${newest + LEAP / 2}::bigint`,
    )
  }

  /** The same, because an operator says so. */
  async declareRolledBack(): Promise<void> {
    await query(this.#database.$executeRaw`UPDATE ${this.#database.tables.history} SET is_lost = true`)
  }

  /**
   * Ends the rollback. A new epoch begins, so that copies in Redis are merged with Postgres before they are used.
   *
   * New sessions get their indexes from a new status list, since those that this database has still to give may have been given.
   * Its number is the time, in units of 10 s since 1970. No database has got that far by itself, as a list has an index for each
   * of a million logins a second; and what was restored earlier began with a lower one. The numbers suffice until 2140.
   * @param remembered what Redis remembers: the newest position and epoch.
   */
  async endRollback(claim: Claim, { newest, epoch }: { newest: number; epoch: number | null }): Promise<void> {
    const { history, redisTrust, statusIndexes } = this.#database.tables
    await query(claim.$executeRaw`
      SELECT setval(${statusIndexes.sql}::text::regclass,
        greatest((last_value >> 24) + 1, floor(extract(epoch FROM clock_timestamp()) / 10)::bigint) << 24, false)
      FROM ${statusIndexes} WHERE (SELECT is_lost FROM ${history})`)
    await query(claim.$executeRaw`
      WITH fence AS (
        UPDATE ${redisTrust} SET run_id = '', suspended_until = NULL,
          epoch = greatest(epoch, ${epoch ?? 0}::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) + 1
        WHERE (SELECT is_lost FROM ${history}))
      UPDATE ${history} SET is_lost = false, mark = gen_random_uuid(), position = greatest(position, ${newest}::bigint) + ${LEAP}::bigint
      WHERE is_lost`)
  }
}

function toRow([row]: readonly RawRow[]): PositionRow {
  if (!row) throw new Error('the table history has no row: the migrations create it')
  const { position, mark: nonce, is_lost: isRolledBack, epoch, run_id: runId, is_suspended: isSuspended, started } = row
  return { position: Number(position), nonce, isRolledBack, epoch: Number(epoch), runId, isSuspended, started }
}
