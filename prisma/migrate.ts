// Brings a database to this version's schema. It keeps Prisma's own records and takes Prisma's own lock, so that
// `prisma migrate` agrees with it, but needs none of Prisma's engines, which npm does not carry.
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

/** What SQL cannot do, in the transaction of the migration. Answers what an operator has to know, a line each. */
const STEPS: Record<string, (client: pg.Client) => Promise<string[]>> = {
  '20261129120000_username_case_folding': foldUsernameKeys,
}

const FOLDER = new URL('./migrations/', import.meta.url)

/**
 * Applies what the database does not have yet, each migration in a transaction of its own, and answers their names. They
 * go into the schema that the URL names, which is made if need be. Any number of callers may do so at once, also through
 * a pooler: nothing outlasts a transaction. Throws, with one line, where database and migrations do not fit.
 * @param serverRole the role of the servers, if it is not the one that this runs as: it may read and write the rows of all
 *   tables then.
 */
export async function migrate(databaseUrl: string, folder: URL = FOLDER, serverRole?: string): Promise<string[]> {
  const schema = schemaOf(databaseUrl)
  const client = await inWords((async () => new pg.Client({ connectionString: databaseUrl }))())
  client.on('error', () => {}) // a lost connection is reported by the query that needs it
  const applied: string[] = []
  try {
    await inWords(client.connect())
    for (;;) {
      await inWords(begin(client, schema))
      const [next] = notYetApplied(readMigrations(folder), await readRecords(client))
      const remarks = next ? await apply(client, next) : []
      if (!next && serverRole) await inWords(grantToServer(client, schema, serverRole))
      await client.query('COMMIT')
      for (const remark of remarks) console.warn(`migrate: ${remark}`)
      if (!next) return applied
      applied.push(next.name)
    }
  } finally {
    await client.end()
  }
}

/** Whatever the session inherits: the end of the transaction, or of the connection, undoes it and releases the lock. */
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

/** What Postgres refuses is told in the words of the server. */
async function inWords<T>(work: Promise<T>): Promise<T> {
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
  const { rows } = await inWords(
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

/** The record is part of the same transaction: no failed migration is left behind. */
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
