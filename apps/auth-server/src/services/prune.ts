import type { Core } from './core.ts'

/** Ended sessions are kept this long for questions. */
const KEPT_AFTER_END_MS = 7 * 24 * 3_600_000
/** Small batches: no lock is held for long, and logins go on in between. */
const AT_ONCE = 500

export interface Pruned {
  sessions: number
  events: number
  keys: number
}

/** Deletes what ended long ago. Two at the same time do no harm: each skips the rows that the other holds. */
export async function prune(core: Core): Promise<Pruned> {
  const now = await core.accounts.now()
  const eventsBefore = new Date(now - core.config.securityEventsKeptMs)
  return {
    sessions: await inBatches(() => core.sessions.prune(new Date(now - KEPT_AFTER_END_MS), AT_ONCE)),
    events: await inBatches(() => core.events.prune(eventsBefore, AT_ONCE)),
    keys: await core.keys.prune(now),
  }
}

async function inBatches(deleteSome: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const deleted = await deleteSome()
    total += deleted
    if (deleted < AT_ONCE) return total
  }
}
