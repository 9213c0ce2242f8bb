import type { Prisma } from '../generated/prisma/client.ts'
import { type Database, query } from '../postgres/database.ts'

/** The advisory lock of the process that restores. */
const RESTORE_LOCK = 7_240_661_903
const LONGEST_RESTORE_MS = 86_400_000
/** The claim of a machine that vanished ends after this time without a heartbeat. */
const CLAIM_TIMEOUT_MS = 10_000
const HEARTBEAT_EVERY_MS = 2_000

export type Claim = Prisma.TransactionClient

/** The outcome of an attempt to restore. */
export type Restoring<T> =
  | { readonly state: 'done'; readonly result: T }
  /** Postgres is not rolled back. */
  | { readonly state: 'intact' }
  /** Another process restores. */
  | { readonly state: 'busy' }

/**
 * Runs `work` while a transaction holds the claim to restore. Returns null if another process holds it. What `work` does
 * through the claim's transaction is committed only if the claim still stands at the end: the process did not die, and
 * no other Postgres took over.
 */
export async function withRestoreClaim<T>(database: Database, work: (claim: Claim) => Promise<T>): Promise<T | null> {
  const attempt = async (claim: Claim) => {
    const [lock] = await query(
      claim.$queryRaw<{ is_mine: boolean }[]>`SELECT pg_try_advisory_xact_lock(${RESTORE_LOCK}::bigint) AS is_mine`,
    )
    if (!lock?.is_mine) return null
    await query(claim.$executeRawUnsafe(`SET LOCAL idle_in_transaction_session_timeout = ${CLAIM_TIMEOUT_MS}`))
    const heartbeat = setInterval(() => {
      claim.$executeRaw`SELECT 1`.catch(() => undefined)
    }, HEARTBEAT_EVERY_MS)
    try {
      return await work(claim)
    } finally {
      clearInterval(heartbeat)
    }
  }
  try {
    return await database.$transaction(attempt, { timeout: LONGEST_RESTORE_MS, isolationLevel: 'ReadCommitted' })
  } catch (error) {
    // Prisma's own errors: the transaction could not begin or commit. What `work` throws stays as it is.
    throw error instanceof Error && error.name.startsWith('PrismaClient') ? await query(Promise.reject(error)) : error
  }
}
