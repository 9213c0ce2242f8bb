/** How far Postgres has come, according to its own row. */
export interface Position {
  position: number
  /** A new random value for each position. */
  nonce: string
}

/** What Redis remembers of the positions that were written to it. */
export interface Witnessed {
  newest: number
  /** The nonce of the position in question. Null if that position is too old to be remembered. */
  nonce: string | null
}

export type RollbackVerdict =
  | 'intact'
  /** Postgres was replaced by an older copy, or has continued from one. */
  | 'rolled_back'
  /** Redis knows a higher position, which may have been committed after Postgres was read: read Postgres again. */
  | 'read_again'

/**
 * Decides whether Postgres still has everything that it ever acknowledged.
 * @param known the highest position that was known before Postgres was read.
 * @param witnessed null if Redis does not answer.
 */
export function decideRollback(postgres: Position, known: number, witnessed: Witnessed | null): RollbackVerdict {
  if (postgres.position < known) return 'rolled_back'
  if (!witnessed) return 'intact'
  if (witnessed.nonce !== null && witnessed.nonce !== postgres.nonce) return 'rolled_back'
  return witnessed.newest > postgres.position ? 'read_again' : 'intact'
}
