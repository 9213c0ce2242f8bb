import { readdirSync } from 'node:fs'
import { type Database, query } from './database.ts'
import { PostgresFault, explainPostgres } from './postgres-fault.ts'

const MIGRATIONS = new URL('../../../../prisma/migrations/', import.meta.url)

/** The migrations of this version. */
const migrations = () =>
  readdirSync(MIGRATIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

/**
 * Checks that Postgres can do what every request needs: its schema is that of this version or a newer one, and no privilege is
 * missing. Returns whether it is read-only. @throws PostgresFault, StoreUnavailable
 */
export async function checkDatabase(database: Database): Promise<{ isReadOnly: boolean }> {
  const applied = await appliedMigrations(database)
  const missing = applied && migrations().filter((name) => !applied.has(name))
  if (missing && missing.length > 0)
    throw new PostgresFault({
      code: '42P01',
      description: `The database lacks the migration ${missing.join(', ')}: run \`npm run migrate\``,
    })
  const [state] = await query(database.$queryRaw<{ is_read_only: boolean; forbidden: string | null }[]>`
    SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS is_read_only,
           (SELECT min(privilege || ' on ' || name)
            FROM unnest(ARRAY['families', 'users', 'signing_keys', 'security_events', 'redis_trust', 'history',
                              'realm', 'resources', 'roles', 'clients']) AS name,
                 unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS privilege
            WHERE NOT (privilege = 'INSERT' AND name IN ('redis_trust', 'history', 'realm'))
              AND NOT has_any_column_privilege(format('%I.%I', ${database.tables.schema}::text, name), privilege)) AS forbidden`)
  if (state?.forbidden) throw new PostgresFault(explainPostgres({ code: '42501', message: `no ${state.forbidden}` }))
  return { isReadOnly: state?.is_read_only ?? false }
}

/** The applied migrations by name. Null if this role may not read them: then the query that needs a missing one reports it. */
async function appliedMigrations(database: Database): Promise<Set<string> | null> {
  try {
    const rows = await query(database.$queryRaw<{ name: string }[]>`
      SELECT migration_name AS name FROM ${database.tables.migrations} WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`)
    return new Set(rows.map(({ name }) => name))
  } catch (error) {
    if (error instanceof PostgresFault && error.code === '42501') return null
    throw error
  }
}
