/** How far Postgres has come, as it says itself. */
export interface Position {
  position: number
  /** Drawn anew for each position. */
  nonce: string
}

/** What Redis was told, in answer to a position that it is told. */
export interface Witnessed {
  newest: number
  /** Of that position; null where it is too old to be remembered. */
  nonce: string | null
}

export type RollbackVerdict =
  | 'intact'
  /** Postgres is older than it was, or went on from an older copy of itself. */
  | 'lost'
  /** Redis knows of more, which may have been committed after Postgres was read: read it again. */
  | 'look_again'

/**
 * Whether Postgres still has all that it ever acknowledged.
 * @param known the newest position that was known before Postgres was read.
 * @param told null where Redis does not answer.
 */
export function decideRollback(record: Position, known: number, told: Witnessed | null): RollbackVerdict {
  if (record.position < known) return 'lost'
  if (!told) return 'intact'
  if (told.nonce !== null && told.nonce !== record.nonce) return 'lost'
  return told.newest > record.position ? 'look_again' : 'intact'
}
