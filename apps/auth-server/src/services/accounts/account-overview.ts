import { deviceInWords } from '../../rules/device-in-words.ts'
import { OWN_EVENTS, inWords } from '../../rules/events-in-words.ts'
import { PAGES_CLIENT } from '../../rules/pages-client.ts'
import type { Core } from '../core.ts'
import { liveSessions } from '../sessions/sessions.ts'

const MOST_SESSIONS = 100
const MOST_EVENTS = 30

/** What the owner of an account may see of it. Times are those of Postgres. */
export interface AccountOverview {
  /** Newest first. */
  sessions: {
    sid: string
    /** Where it was opened: the name of the application. */
    client: string
    device: string
    ip: string | null
    createdAt: Date
    lastUsedAt: Date
    isCurrent: boolean
  }[]
  /** There are more sessions than those. */
  hasMore: boolean
  grants: { id: string; client: string; allowed: string[]; createdAt: Date }[]
  /** What happened lately, newest first. `times`: how often that day. */
  events: { at: Date; text: string; isWarning: boolean; times: number }[]
}

type OverviewParts = Pick<Core, 'config' | 'realm' | 'sessions' | 'clock' | 'consents' | 'events'>

/** @param currentSid the session that asks. */
export async function accountOverview(
  parts: OverviewParts,
  userId: string,
  currentSid: string,
): Promise<AccountOverview> {
  const { clients, resources } = parts.realm.current()
  const nameOf = (clientId: string) =>
    clientId === PAGES_CLIENT.id ? PAGES_CLIENT.name : (clients.get(clientId)?.name ?? clientId)
  const [{ sessions, next }, consents, events] = await Promise.all([
    liveSessions(parts, userId, MOST_SESSIONS),
    parts.consents.ofUser(userId),
    parts.events.ofUser(userId, MOST_EVENTS, OWN_EVENTS),
  ])
  return {
    sessions: sessions.map(({ sid, clientId, device, ip, createdAt, lastUsedAt }) => ({
      sid,
      client: nameOf(clientId),
      device: deviceInWords(device),
      ip,
      createdAt,
      lastUsedAt,
      isCurrent: sid === currentSid,
    })),
    hasMore: next !== undefined,
    grants: consents.map(({ id, clientId, resources: ids, scopes, createdAt }) => {
      const meaning = new Map(ids.flatMap((resource) => Object.entries(resources.get(resource)?.scopes ?? {})))
      return { id, client: nameOf(clientId), allowed: scopes.map((scope) => meaning.get(scope) ?? scope), createdAt }
    }),
    events: events.flatMap(({ at, times, ...event }) => {
      const words = inWords(event, nameOf)
      return words ? [{ at: new Date(at), times, ...words }] : []
    }),
  }
}
