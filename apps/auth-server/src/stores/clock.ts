import { type Database, query } from '../postgres/database.ts'

/** The time that all servers share. */
export interface Clock {
  /** Milliseconds since the epoch. @throws StoreUnavailable */
  now(): Promise<number>
}

export const postgresClock = (database: Database): Clock => ({
  async now() {
    const [row] = await query(database.$queryRaw<[{ now: Date }]>`SELECT clock_timestamp() AS now`)
    return row.now.getTime()
  },
})
