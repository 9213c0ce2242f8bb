import { type Database, query } from '../postgres/database.ts'
import type { Reading, RevocationLog } from './revocation-log.ts'

/** A row of this many indexes is read once. Other rows are read again for as long as older ones may still be committed. */
const LARGE = 100
/** Longer than any access token may live. */
const KNOWN_FOR_MS = 25 * 3_600_000
/** Rows per statement. */
const BATCH = 1_000

interface Row {
  now: Date
  last_value: bigint
  is_called: boolean
  rows: [id: number, at: number, statusIndexes: number[]][] | null
}

/** The revoked indexes in Postgres. A trigger writes them: whatever revokes a row has listed it. */
export class PostgresRevocations implements RevocationLog {
  readonly #database: Database
  /** Large rows that were read: nobody who follows the log needs them again. A row of another database has another time. */
  #known: { id: number; at: number }[] = []
  /** The time of the last reading, by Postgres. */
  #readAt = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Each large row only once. Also answers how many indexes were given so far. */
  async read(withinMs: number, from: number, limit: number): Promise<Reading & { given: number }> {
    const { revocations, statusIndexes } = this.#database.tables
    // Rows from before are not read now. So the statement stays short, however many large rows there are.
    const known = this.#known.filter(({ at }) => at >= this.#readAt - withinMs)
    // Now() and not clock_timestamp(): only what is the same in the whole statement can be looked up in an index.
    const [row] = await query(this.#database.$queryRaw<Row[]>`
      SELECT clock_timestamp() AS now, last_value, is_called,
        (SELECT json_agg(json_build_array(id, at, status_indexes)) FROM (
           SELECT id, (extract(epoch FROM at) * 1000)::bigint AS at, status_indexes FROM ${revocations} AS r
           WHERE at >= greatest(now() - ${withinMs} * interval '1 millisecond', to_timestamp(${from}::float8 / 1000))
             AND NOT EXISTS (SELECT FROM json_to_recordset(${JSON.stringify(known)}::json) AS known(id bigint, at bigint)
                             WHERE known.id = r.id AND known.at = (extract(epoch FROM r.at) * 1000)::bigint)
           ORDER BY r.at, id LIMIT ${limit}) AS listed) AS rows
      FROM ${statusIndexes}`)
    if (!row) throw new Error('the sequence of the status indexes is gone: the migrations make it')
    const [now, rows] = [row.now.getTime(), row.rows ?? []]
    const large = rows.filter(([, , { length }]) => length >= LARGE).map(([id, at]) => ({ id, at }))
    this.#readAt = now
    this.#known = [...this.#known.filter(({ at }) => at > now - KNOWN_FOR_MS), ...large]
    return {
      now,
      entries: rows.map(([, at, indexes]) => [indexes, at]),
      given: Number(row.last_value) + (row.is_called ? 1 : 0),
    }
  }

  /** The lists that have sessions, ended ones included that are not pruned yet. */
  async lists(): Promise<number[]> {
    const { families } = this.#database.tables
    // One look into the index for each list.
    const rows = await query(this.#database.$queryRaw<{ list: bigint }[]>`
      WITH RECURSIVE lists AS (
        (SELECT status_index >> 24 AS list FROM ${families} ORDER BY status_index LIMIT 1)
        UNION ALL
        SELECT (SELECT status_index >> 24 FROM ${families} WHERE status_index >= (list + 1) << 24 ORDER BY status_index LIMIT 1)
        FROM lists WHERE list IS NOT NULL)
      SELECT list FROM lists WHERE list IS NOT NULL`)
    return rows.map(({ list }) => Number(list))
  }

  /** Deletes what was revoked longer ago, skipping rows that another server deletes. */
  async forget(beforeMs: number): Promise<void> {
    const { revocations } = this.#database.tables
    for (let deleted = BATCH; deleted === BATCH;)
      deleted = await query(this.#database.$executeRaw`
        DELETE FROM ${revocations} WHERE id IN (
          SELECT id FROM ${revocations} WHERE at < clock_timestamp() - ${beforeMs} * interval '1 millisecond'
          ORDER BY at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`)
  }
}
