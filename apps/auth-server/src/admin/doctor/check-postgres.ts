import { checkDatabase } from '../../postgres/check-database.ts'
import { type Database, query } from '../../postgres/database.ts'
import { READ_ONLY_DESCRIPTION } from '../../postgres/postgres-fault.ts'
import { reasonOf } from '../../connection/store-unavailable.ts'
import { aheadOfUs } from './check-clocks.ts'
import { type Finding, findingOf } from './finding.ts'

export interface KeyRow {
  kid: string
  privateEncrypted: Uint8Array
  createdAt: Date
  signsFrom: Date
}

export interface PostgresState {
  findings: Finding[]
  /** How far its clock is ahead of this machine's; null if it was not reached. */
  aheadMs: number | null
  /** Null if they could not be read. */
  keys: readonly KeyRow[] | null
}

interface Session {
  role: string
  is_powerful: boolean
  now: number
}

const SEE_LOG = 'See the log of Postgres.'

/** Reads only. */
export async function checkPostgres(database: Database): Promise<PostgresState> {
  const findings: Finding[] = []
  const state: PostgresState = { findings, aheadMs: null, keys: null }
  try {
    const session = () =>
      query(database.$queryRaw<Session[]>`
      SELECT current_user::text AS role, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now,
             (SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
              FROM pg_roles WHERE rolname = current_user) AS is_powerful`)
    // The first query waits for the connection.
    await session()
    state.aheadMs = await aheadOfUs(async () => (await session())[0]?.now ?? Date.now())
    const [{ role, is_powerful: isPowerful } = { role: '', is_powerful: false }] = await session()
    if (isPowerful)
      findings.push({
        level: 'warning',
        check: 'postgres',
        cause: `The role ${JSON.stringify(role)} of DATABASE_URL can do more than read and write rows`,
        cure: 'Create the role of the servers with `npm run roles`, and name it in DATABASE_URL.',
      })
    const { isReadOnly } = await checkDatabase(database)
    if (isReadOnly) findings.push(findingOf('broken', 'postgres', READ_ONLY_DESCRIPTION, SEE_LOG))
    state.keys = await query(database.signingKey.findMany({ orderBy: [{ signsFrom: 'asc' }, { kid: 'asc' }] }))
  } catch (error) {
    findings.push(findingOf('broken', 'postgres', reasonOf(error), SEE_LOG))
  }
  return state
}

/** The Redis that the servers use, as they name it in Postgres: empty if none has used any. */
export async function redisOfServers(database: Database): Promise<string> {
  const [row] = await query(database.$queryRaw<{ run_id: string }[]>`SELECT run_id FROM ${database.tables.redisTrust}`)
  return row?.run_id ?? ''
}
