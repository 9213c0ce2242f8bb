import pg from 'pg'

const TIMESTAMPTZ = pg.types.builtins.TIMESTAMPTZ
const ISOLATION = 'read committed'

/**
 * A connection whose answers do not depend on settings that its session inherits from the machine, the database or the role.
 *
 * A pooler such as PgBouncer may run each transaction in another session. A setting would be missing in the next session, and
 * other connections would find it in the first one. Therefore nothing is set behind a pooler. Statements get no names there,
 * since another session has not parsed them.
 */
export class PostgresClient extends pg.Client {
  /** The process id that the server sent when the connection was opened. */
  declare readonly processID: number
  /** True until it is known. */
  #isPooled = true

  /** To be called once, before the first query. @throws if the settings of the database or the role must be changed. */
  async prepare(statementTimeoutMs: number): Promise<void> {
    const settings = Object.entries({
      default_transaction_isolation: ISOLATION,
      statement_timeout: statementTimeoutMs,
      // The time of a statement is limited already, and the pool closes idle connections.
      lock_timeout: 0,
      transaction_timeout: 0,
      idle_session_timeout: 0,
      idle_in_transaction_session_timeout: 0,
    })
    // A pooler sends its own number as the process id. It does keep the date style of each connection, whatever the session.
    // An older Postgres does not know all of these limits.
    const { rows } = await super.query<{ pid: number; isolation: string }>(`
      SELECT pg_backend_pid() AS pid, current_setting('default_transaction_isolation') AS isolation,
        set_config('DateStyle', 'ISO', false),
        (SELECT count(set_config(name, value, false))
         FROM (VALUES ${settings.map(([name, value]) => `('${name}', '${value}')`).join()}) AS setting (name, value)
         WHERE pg_backend_pid() = ${this.processID} AND current_setting(name, true) IS NOT NULL)`)
    this.#isPooled = rows[0]?.pid !== this.processID
    const isolation = rows[0]?.isolation
    if (this.#isPooled && isolation !== ISOLATION)
      throw new Error(
        `the database or the role sets default_transaction_isolation to "${isolation}", and a connection through a pooler ` +
          `cannot choose another: run ALTER DATABASE or ALTER ROLE … SET default_transaction_isolation = '${ISOLATION}'`,
      )
  }

  override readonly query = ((config: string | pg.QueryConfig, ...rest: [unknown[]]) =>
    super.query(typeof config === 'string' ? config : this.#adapt(config), ...rest)) as pg.Client['query']

  #adapt({ name, types, ...config }: pg.QueryConfig): pg.QueryConfig {
    return { ...config, ...(types && { types: keepOffsets(types) }), ...(name && !this.#isPooled && { name }) }
  }
}

/** The time parser of Prisma's adapter drops the offset. */
function keepOffsets(types: pg.CustomTypesConfig): pg.CustomTypesConfig {
  return { getTypeParser: (oid, format) => (oid === TIMESTAMPTZ ? toInstant : types.getTypeParser(oid, format)) }
}

/** The time in UTC. @throws if the text has no offset: a wrong time would be worse than none. */
function toInstant(text: string): string {
  const time: unknown = pg.types.getTypeParser(TIMESTAMPTZ)(text)
  if (time instanceof Date) return time.toISOString()
  throw new Error(`Postgres wrote a time in a date style that is not ISO: ${text}`)
}
