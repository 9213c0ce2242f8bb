import { setTimeout as sleep } from 'node:timers/promises'
import { describeEvent } from '@heirloom/auth-server/internals/services/event-descriptions'
import pg from 'pg'

/** Auth-servers write their events at least this often. */
const WRITTEN_AFTER_MS = 1_000

export interface SecurityEvent {
  /** Milliseconds since 1970. */
  at: number
  description: string
}

/** The security events of these sessions, by session id, oldest first. */
export async function securityEventsOf(
  databaseUrl: string,
  sids: readonly string[],
): Promise<Map<string, SecurityEvent[]>> {
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
    const bySession = Map.groupBy(rows, ({ sid }) => sid)
    return new Map(
      [...bySession].map(([sid, events]) => [
        sid,
        events.map(({ at, type, detail, times }) => ({
          at: at.getTime(),
          description: describeEvent({ type, detail, times: Number(times) }),
        })),
      ]),
    )
  } finally {
    await client.end()
  }
}
