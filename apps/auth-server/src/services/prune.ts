import { isUnavailable } from '../connection/store-unavailable.ts'
import type { Core } from './core.ts'

/** Ended sessions are kept this long, so that questions about them can be answered. */
const KEPT_AFTER_END_MS = 7 * 24 * 3_600_000
/** Rows per statement. Small batches hold no lock for long, so logins continue in between. */
const BATCH = 500

type PruneParts = Pick<Core, 'clock' | 'sessions' | 'events' | 'keys' | 'deletions'> & {
  config: Pick<Core['config'], 'securityEventsKeptMs'>
}

export interface Pruned {
  sessions: number
  /** Authorization codes that nobody redeemed. */
  codes: number
  events: number
  keys: number
}

/** Deletes what ended long ago. It may run twice at the same time: each run skips the rows that the other one holds. */
export async function prune({ config, clock, sessions, events, keys, deletions }: PruneParts): Promise<Pruned> {
  const now = await clock.now()
  await deletions.remember().catch((error: unknown) => {
    if (!isUnavailable(error, 'Redis')) throw error
  })
  const eventsBefore = new Date(now - config.securityEventsKeptMs)
  return {
    sessions: await inBatches(() => sessions.prune(new Date(now - KEPT_AFTER_END_MS), BATCH)),
    codes: await inBatches(() => sessions.pruneCodes(now, BATCH)),
    events: await inBatches(() => events.prune(eventsBefore, BATCH)),
    keys: await keys.prune(now),
  }
}

async function inBatches(deleteSome: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const deleted = await deleteSome()
    total += deleted
    if (deleted < BATCH) return total
  }
}
