import { createHash } from 'node:crypto'
import { PrismaClient } from '../generated/prisma/client.ts'
import { PostgresClient } from './postgres-client.ts'
import { PrismaPostgres } from './prisma-postgres.ts'
import { schemaOf } from './schema-of.ts'
import { PostgresFault, explainPostgres } from './postgres-fault.ts'
import { StoreUnavailable } from '../connection/store-unavailable.ts'
import { type Tables, tablesOf } from './tables.ts'

export interface DatabaseOptions {
  url: string
  poolSize: number
  /** Postgres cancels a statement that takes longer. Through a pooler, only the client gives up. */
  statementTimeoutMs: number
  /** Called with each new connection before it is used. */
  check?: (client: Connection) => Promise<void>
}

/** One connection of the pool. */
export interface Connection {
  query: (sql: string) => Promise<{ rows: unknown[] }>
}

export type Database = PrismaClient & { tables: Tables }

export function openDatabase({ url, poolSize, statementTimeoutMs, check }: DatabaseOptions): Database {
  const connection = {
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 750,
    query_timeout: statementTimeoutMs + 200,
    application_name: 'heirloom-auth-server',
    Client: PostgresClient,
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it, although its type does not say so
    onConnect: async (client: Connection) => {
      await (client as PostgresClient).prepare(statementTimeoutMs)
      await check?.(client)
    },
  }
  const schema = schemaOf(url)
  const adapter = new PrismaPostgres(connection, { schema, statementNameGenerator: statementNames() })
  // Prisma would print errors by itself, with the values of the query in them.
  const client = new PrismaClient({ adapter, log: [], errorFormat: 'minimal' })
  return Object.assign(client, { tables: tablesOf(schema) })
}

/** A statement with more parameters contains a list, and has a different text for each length of that list. */
const MAX_PARAMETERS = 8

/**
 * Postgres parses a named statement once per connection, and soon reuses its plan: both cost more than running it. Two texts
 * never share a name, not even those of two servers, because a pooler may give both the same session.
 */
function statementNames() {
  const names = new Map<string, string>()
  return ({ sql, args }: { sql: string; args: unknown[] }) => {
    // For pg, an empty name is no name.
    if (args.length > MAX_PARAMETERS) return ''
    const name = names.get(sql) ?? `heirloom_${createHash('sha256').update(sql).digest('base64url')}`
    names.set(sql, name)
    return name
  }
}

/** Runs a query. @throws StoreUnavailable for what may pass by itself, PostgresFault for what an operator has to fix. */
export async function query<T>(work: Promise<T> | PromiseLike<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StoreUnavailable || error instanceof PostgresFault) throw error
    const explained = explainPostgres(error)
    const fault = new PostgresFault(explained)
    throw explained.isPassing ? new StoreUnavailable('Postgres', fault) : fault
  }
}
