import { type Database, query } from '../postgres/database.ts'
import type { Reading, RevocationLog } from './revocation-log.ts'

/** Rows per statement. */
const BATCH = 1_000

interface Row {
  now: Date
  last_value: bigint
  is_called: boolean
  revoked: Reading['revoked'] | null
}

/** The revoked indexes in Postgres. A trigger writes them: whatever revokes a row has listed it. */
export class PostgresRevocations implements RevocationLog {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Also answers how many indexes were given so far. */
  async read(withinMs: number, from: number, limit: number): Promise<Reading & { given: number }> {
    const { revocations, statusIndexes } = this.#database.tables
    // Now() and not clock_timestamp(): only what is the same in the whole statement can be looked up in an index.
    const [row] = await query(this.#database.$queryRaw<Row[]>`
      SELECT clock_timestamp() AS now, last_value, is_called,
        (SELECT json_agg(json_build_array(status_index, (extract(epoch FROM at) * 1000)::bigint)) FROM (
           SELECT unnest(status_indexes) AS status_index, at FROM ${revocations}
           WHERE at >= greatest(now() - ${withinMs} * interval '1 millisecond', to_timestamp(${from}::float8 / 1000))
           ORDER BY at LIMIT ${limit}) AS listed) AS revoked
      FROM ${statusIndexes}`)
    if (!row) throw new Error('the sequence of the status indexes is gone: the migrations make it')
    return {
      now: row.now.getTime(),
      revoked: row.revoked ?? [],
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
