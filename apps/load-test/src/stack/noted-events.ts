import { setTimeout as sleep } from 'node:timers/promises'
import { inWords } from '@heirloom/auth-server/internals/services/event-words'
import pg from 'pg'

/** Milliseconds: auth-servers write their events at least so often. */
const WRITTEN_AFTER_MS = 1_000

export interface NotedEvent {
  /** Milliseconds since 1970. */
  at: number
  words: string
}

/** What the auth-servers noted of these sessions, the oldest first. */
export async function notedEvents(databaseUrl: string, sids: readonly string[]): Promise<Map<string, NotedEvent[]>> {
  await sleep(WRITTEN_AFTER_MS)
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{
      at: Date
      sid: string
      type: string
      detail: Record<string, string | number>
      times: string
    }>('SELECT at, sid, type, detail, times FROM security_events WHERE sid::text = ANY ($1) ORDER BY at', [sids])
    const noted = Map.groupBy(rows, ({ sid }) => sid)
    return new Map(
      [...noted].map(([sid, events]) => [
        sid,
        events.map(({ at, type, detail, times }) => ({
          at: at.getTime(),
          words: inWords({ type, detail, times: Number(times) }),
        })),
      ]),
    )
  } finally {
    await client.end()
  }
}
