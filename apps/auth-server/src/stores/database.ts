import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../generated/prisma/client.ts'
import { PostgresFault, explainPostgres } from './postgres-fault.ts'
import { StoreUnavailable } from './store-unavailable.ts'

export interface DatabaseOptions {
  url: string
  poolSize: number
  /** A statement that takes longer is ended by Postgres. */
  statementTimeoutMs: number
  /** Looks at each new connection before it is used. */
  check?: (client: Connection) => Promise<void>
}

/** One connection of the pool. */
export interface Connection {
  query: (sql: string) => Promise<{ rows: unknown[] }>
}

export type Database = PrismaClient

export function openDatabase({ url, poolSize, statementTimeoutMs, check }: DatabaseOptions): Database {
  const connection = {
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 750,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 200,
    application_name: 'heirloom-auth-server',
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it, although its type does not say so
    ...(check && { onConnect: check }),
  }
  const adapter = new PrismaPg(connection, { statementNameGenerator: statementNames() })
  // Prisma would print errors by itself, with the values of the query in them.
  return new PrismaClient({ adapter, log: [], errorFormat: 'minimal' })
}

/** A longer statement is one of a list, whose text is another one for each length. */
const MOST_PARAMETERS = 8

/** What has a name is parsed once a connection, and soon no longer planned: both cost Postgres more than to run it. */
function statementNames() {
  const names = new Map<string, string>()
  return ({ sql, args }: { sql: string; args: unknown[] }) => {
    // pg knows an empty name for none.
    if (args.length > MOST_PARAMETERS) return ''
    const name = names.get(sql) ?? `heirloom_${names.size}`
    names.set(sql, name)
    return name
  }
}

/** Runs a query. @throws StoreUnavailable for what may pass by itself, PostgresFault for what an operator has to mend. */
export async function ask<T>(query: Promise<T> | PromiseLike<T>): Promise<T> {
  try {
    return await query
  } catch (error) {
    if (error instanceof StoreUnavailable || error instanceof PostgresFault) throw error
    const explained = explainPostgres(error)
    const fault = new PostgresFault(explained)
    throw explained.isPassing ? new StoreUnavailable('Postgres', fault) : fault
  }
}
