// Brings a database to this version's schema. It keeps Prisma's own records and takes Prisma's own lock, so that
// `prisma migrate` agrees with it, but needs none of Prisma's engines, which npm does not carry.
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'

interface Migration {
  name: string
  sql: string
  checksum: string
  /** That of the same text with other line endings too: git may change them, and `prisma migrate` takes any of these. */
  accepted: string[]
}

interface Recorded {
  migration_name: string
  checksum: string
  finished: boolean
}

/** prisma-engines, schema-engine/connectors/sql-schema-connector/src/flavour/postgres.rs: the lock and the table. */
const LOCK = 72707369
const LOCK_TIMEOUT_MS = 60_000
const RECORDS = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id                      VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum                VARCHAR(64) NOT NULL,
  finished_at             TIMESTAMPTZ,
  migration_name          VARCHAR(255) NOT NULL,
  logs                    TEXT,
  rolled_back_at          TIMESTAMPTZ,
  started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`

const FOLDER = new URL('./migrations/', import.meta.url)

/**
 * Applies what the database does not have yet, each migration in a transaction of its own, and answers their names.
 * Any number of callers may do so at once. Throws, with one line, where database and migrations do not fit.
 */
export async function migrate(databaseUrl: string, folder: URL = FOLDER): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  client.on('error', () => {}) // a lost connection is reported by the query that needs it
  try {
    await connect(client)
    // The lock belongs to the session, so the end of the connection releases it.
    await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`)
    await client.query('SELECT pg_advisory_lock($1)', [LOCK])
    await client.query('RESET lock_timeout')
    await client.query(RECORDS)
    const pending = notYetApplied(readMigrations(folder), await readRecords(client))
    for (const migration of pending) await apply(client, migration)
    return pending.map(({ name }) => name)
  } finally {
    await client.end()
  }
}

async function connect(client: pg.Client): Promise<void> {
  try {
    await client.connect()
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string }
    throw new Error(`no connection to the database: ${message || code}`, { cause: error })
  }
}

function readMigrations(folder: URL): Migration[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const sql = readFileSync(new URL(`${name}/migration.sql`, folder), 'utf8')
      const unix = sql.replaceAll('\r\n', '\n')
      const accepted = [unix, unix.replaceAll('\n', '\r\n')].map(checksumOf)
      return { name, sql, checksum: checksumOf(sql), accepted }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const checksumOf = (sql: string): string => createHash('sha256').update(sql).digest('hex')

async function readRecords(client: pg.Client): Promise<Recorded[]> {
  // `prisma migrate resolve` marks rows as rolled back: they do not count.
  const { rows } = await client.query<Recorded>(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  )
  return rows
}

function notYetApplied(migrations: Migration[], recorded: Recorded[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const { migration_name: name, checksum, finished } of recorded) {
    if (!finished) throw new Error(`migration ${name} failed before: mend it, then use \`prisma migrate resolve\``)
    const migration = known.get(name)
    if (!migration)
      throw new Error(`the database has migration ${name}, which is not known here: it is of another version`)
    if (!migration.accepted.includes(checksum))
      throw new Error(`migration ${name} was changed after it had been applied`)
  }
  const applied = new Set(recorded.map(({ migration_name: name }) => name))
  return migrations.filter(({ name }) => !applied.has(name))
}

/** The record commits with the migration, or neither does: no failed migration is left behind. */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const startedAt = new Date()
  try {
    await client.query('BEGIN')
    await client.query(sql)
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
      [randomUUID(), checksum, name, startedAt],
    )
    await client.query('COMMIT')
  } catch (error) {
    throw new Error(`migration ${name} failed and was rolled back: ${(error as Error).message}`, { cause: error })
  }
}

if (import.meta.main) {
  try {
    const databaseUrl = process.env['DATABASE_URL']
    if (!databaseUrl) throw new Error('DATABASE_URL is not set')
    const applied = await migrate(databaseUrl)
    console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied: ${applied.join(', ')}`)
  } catch (error) {
    console.error(`migrate: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
