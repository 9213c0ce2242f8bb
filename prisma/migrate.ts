// Brings a database to this version's schema. It keeps Prisma's records and takes Prisma's lock, so that `prisma migrate`
// agrees with it. It needs none of Prisma's engines, which npm does not have.
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import pg from 'pg'
import { checkDatabaseUrl } from '../apps/auth-server/src/postgres/database-url.ts'
import { schemaOf } from '../apps/auth-server/src/postgres/schema-of.ts'
import { explainPostgres } from '../apps/auth-server/src/postgres/postgres-fault.ts'
import { grantToServer } from './roles.ts'
import { foldUsernameKeys } from './username-keys.ts'

interface Migration {
  name: string
  sql: string
  checksum: string
  /** One for each kind of line ending: git may change them, and `prisma migrate` accepts any of these. */
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

/** Does what SQL cannot do, in the transaction of the migration. Returns lines that an operator should read. */
const STEPS: Record<string, (client: pg.Client) => Promise<string[]>> = {
  '20261129120000_username_case_folding': foldUsernameKeys,
}

const FOLDER = new URL('./migrations/', import.meta.url)

/**
 * Applies the migrations that the database lacks, each in its own transaction, and returns their names. The tables are in
 * the schema that the URL names, which is created if it is missing. Any number of callers may do this at once, also through
 * a pooler: nothing outlasts a transaction. Throws, with one line, if the migrations do not match the database.
 * @param serverRole the role of the servers, if it is not the role that this runs as. It gets the right to read and write
 *   the rows of all tables.
 */
export async function migrate(databaseUrl: string, folder: URL = FOLDER, serverRole?: string): Promise<string[]> {
  const schema = schemaOf(databaseUrl)
  const client = await explaining((async () => new pg.Client({ connectionString: databaseUrl }))())
  client.on('error', () => {}) // the query reports a lost connection
  const applied: string[] = []
  try {
    await explaining(client.connect())
    for (;;) {
      await explaining(begin(client, schema))
      const [next] = notYetApplied(readMigrations(folder), await readRecords(client))
      const remarks = next ? await apply(client, next) : []
      if (!next && serverRole) await explaining(grantToServer(client, schema, serverRole))
      await client.query('COMMIT')
      for (const remark of remarks) console.warn(`migrate: ${remark}`)
      if (!next) return applied
      applied.push(next.name)
    }
  } finally {
    await client.end()
  }
}

/** Overrides what the session inherits. The end of the transaction or of the connection undoes it and releases the lock. */
async function begin(client: pg.Client, schema: string): Promise<void> {
  await client.query(`
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL search_path = ${pg.escapeIdentifier(schema)};
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
    SELECT pg_advisory_xact_lock(${LOCK});
    SET LOCAL lock_timeout = 0`)
  const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${pg.escapeIdentifier(schema)}`)
  await client.query(RECORDS)
}

/** Explains a refusal by Postgres with the server's own descriptions. */
async function explaining<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new Error(explainPostgres(error).description, { cause: error })
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
  const { rows } = await explaining(
    client.query<Recorded>(
      `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished
         FROM _prisma_migrations WHERE rolled_back_at IS NULL ORDER BY migration_name`,
    ),
  )
  return rows
}

function notYetApplied(migrations: Migration[], recorded: Recorded[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const { migration_name: name, checksum, finished } of recorded) {
    if (!finished) throw new Error(`migration ${name} failed before: correct it, then run \`prisma migrate resolve\``)
    const migration = known.get(name)
    if (!migration)
      throw new Error(
        `the database has migration ${name}, which this version does not have: another version applied it`,
      )
    if (!migration.accepted.includes(checksum))
      throw new Error(`migration ${name} was changed after it had been applied`)
  }
  const applied = new Set(recorded.map(({ migration_name: name }) => name))
  return migrations.filter(({ name }) => !applied.has(name))
}

/** Records the migration in the same transaction, so a failed one leaves nothing. */
async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<string[]> {
  const startedAt = new Date()
  try {
    await client.query(sql)
    const remarks = (await STEPS[name]?.(client)) ?? []
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
      [randomUUID(), checksum, name, startedAt],
    )
    return remarks
  } catch (error) {
    throw new Error(`migration ${name} failed and was rolled back: ${(error as Error).message}`, { cause: error })
  }
}

if (import.meta.main) {
  try {
    const { DATABASE_OWNER_URL, DATABASE_URL, DATABASE_SERVER_ROLE } = process.env
    const name = DATABASE_OWNER_URL ? 'DATABASE_OWNER_URL' : 'DATABASE_URL'
    const databaseUrl = DATABASE_OWNER_URL || DATABASE_URL
    if (!databaseUrl) throw new Error('neither DATABASE_OWNER_URL nor DATABASE_URL is set')
    try {
      checkDatabaseUrl(databaseUrl)
    } catch (error) {
      throw new Error(`${name} ${(error as Error).message}`, { cause: error })
    }
    const applied = await migrate(databaseUrl, FOLDER, DATABASE_SERVER_ROLE)
    console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied: ${applied.join(', ')}`)
  } catch (error) {
    console.error(`migrate: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
