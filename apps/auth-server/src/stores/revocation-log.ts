/** Revoked indexes as a store has them, with its time. All times are the store's, in milliseconds since 1970. */
export interface Reading {
  now: number
  revoked: [statusIndex: number, listedAt: number][]
}

/** What a store knows of sessions that were revoked lately: see rules/status-list.ts. */
export interface RevocationLog {
  /**
   * The indexes that were revoked within the last `withinMs`, and not before `from`: at most `limit`, oldest first. An index
   * that was revoked again counts as new. @throws StoreUnavailable
   */
  read(withinMs: number, from: number, limit: number): Promise<Reading>
}
