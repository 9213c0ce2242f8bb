import { type Database, query } from '../postgres/database.ts'
import type { SharedFence } from '../rules/decide-fence.ts'

interface Row {
  epoch: bigint
  run_id: string
  suspended: SharedFence['suspended']
}

/** The row of `redis_trust`: what the servers know of each other. Every method throws `StoreUnavailable`. */
export class FenceRow {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async read(): Promise<SharedFence | null> {
    const [row] = await query(this.#database.$queryRaw<Row[]>`
      SELECT epoch, run_id, CASE WHEN suspended_until IS NULL THEN 'never'
                                 WHEN suspended_until > clock_timestamp() THEN 'now' ELSE 'before' END AS suspended
      FROM ${this.#database.tables.redisTrust}`)
    return row ? { epoch: Number(row.epoch), runId: row.run_id, suspended: row.suspended } : null
  }

  /** Keeps all servers from using Redis for this long. */
  async disable(forMs: number): Promise<void> {
    await query(this.#database.$executeRaw`
      UPDATE ${this.#database.tables.redisTrust} SET suspended_until = clock_timestamp() + ${forMs} * interval '1 millisecond'`)
  }

  /**
   * Begins a new epoch, unless another server did so after `epoch` was read, or disabled the fence. An epoch is never less
   * than the clock: a database that is restored from a backup must not count through numbers that copies in Redis already have.
   */
  async beginEpoch(after: number, runId: string): Promise<void> {
    await query(this.#database.$executeRaw`
      UPDATE ${this.#database.tables.redisTrust} SET run_id = ${runId}, suspended_until = NULL,
        epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
      WHERE epoch = ${after} AND (suspended_until IS NULL OR suspended_until <= clock_timestamp())`)
  }
}
