/** What a store has of revocations, with its time. All times are the store's, in milliseconds since 1970. */
export interface Reading {
  now: number
  entries: Entry[]
}

/** Indexes that were revoked together. */
export type Entry = [statusIndexes: number[], listedAt: number]

/** What a store knows of sessions that were revoked lately: see rules/status-list.ts. */
export interface RevocationLog {
  /**
   * What was revoked within the last `withinMs`, and not before `from`: at most `limit` entries, oldest first. An index that was
   * revoked again is in a new entry, too. @throws StoreUnavailable
   */
  read(withinMs: number, from: number, limit: number): Promise<Reading>
}
