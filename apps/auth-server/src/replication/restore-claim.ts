import type { Prisma } from '../generated/prisma/client.ts'
import { type Database, query } from '../postgres/database.ts'

/** The advisory lock of the one process that restores. */
const RESTORE_LOCK = 7_240_661_903
const LONGEST_RESTORE_MS = 86_400_000
/** The claim of a machine that vanished ends after this; one that lives says so more often. */
const CLAIM_TIMEOUT_MS = 10_000
const SAY_SO_EVERY_MS = 2_000

export type Claim = Prisma.TransactionClient

/** What came of an attempt to restore. */
export type Restoring<T> =
  | { readonly state: 'done'; readonly result: T }
  /** Nothing is lost. */
  | { readonly state: 'intact' }
  /** Another process restores. */
  | { readonly state: 'busy' }

/**
 * Does what one process at a time may do, while a transaction holds the claim to it; null where another process has it.
 * What is done by the transaction happens only if the claim still stands at its end: not in a process that died, and not
 * in a Postgres that was replaced meanwhile.
 */
export async function withRestoreClaim<T>(database: Database, work: (claim: Claim) => Promise<T>): Promise<T | null> {
  const attempt = async (claim: Claim) => {
    const [lock] = await query(
      claim.$queryRaw<{ is_mine: boolean }[]>`SELECT pg_try_advisory_xact_lock(${RESTORE_LOCK}::bigint) AS is_mine`,
    )
    if (!lock?.is_mine) return null
    await query(claim.$executeRawUnsafe(`SET LOCAL idle_in_transaction_session_timeout = ${CLAIM_TIMEOUT_MS}`))
    const sayingSo = setInterval(() => {
      claim.$executeRaw`SELECT 1`.catch(() => undefined)
    }, SAY_SO_EVERY_MS)
    try {
      return await work(claim)
    } finally {
      clearInterval(sayingSo)
    }
  }
  try {
    return await database.$transaction(attempt, { timeout: LONGEST_RESTORE_MS, isolationLevel: 'ReadCommitted' })
  } catch (error) {
    // The beginning or the end of the transaction failed; what the work throws stays as it is.
    throw error instanceof Error && error.name.startsWith('PrismaClient') ? await query(Promise.reject(error)) : error
  }
}
