import { isUuid } from '../../rules/uuid.ts'
import { refuse } from '../refusal.ts'
import type { AdminParts } from './admin-parts.ts'
import { shownEvent } from './export-user.ts'

interface EventQuery {
  user_id?: string
  type?: string
  since?: string
  until?: string
  limit?: string
  after?: string
}

/** A page of events, newest first. It may have fewer than asked for, or none, and a `next` all the same. */
export async function listEvents({ core }: AdminParts, query: EventQuery) {
  const { user_id: userId, type, since, until, limit = '100', after } = query
  if (userId !== undefined && !isUuid(userId)) return { ok: true as const, events: [] }
  const [from, to] = [since, until].map((text) => (text === undefined ? undefined : timeOf(text)))
  if (from === null || to === null)
    return refuse('invalid_request', 'since and until must be times, such as 2030-01-31T12:00:00Z.')
  const [at, id] = after?.split('_') ?? []
  const wanted = {
    userId,
    type,
    since: from,
    until: to,
    after: at === undefined || id === undefined ? undefined : { at: new Date(Number(at)), id: BigInt(id) },
  }
  const { events, next } = await core.events.page(wanted, Number(limit))
  return { ok: true as const, events: events.map(shownEvent), ...(next && { next: `${next.at.getTime()}_${next.id}` }) }
}

/** Null for a text that is no time of the years that Postgres and JavaScript write alike. */
function timeOf(text: string): Date | null {
  const time = Date.parse(text)
  return time >= 0 && time < Date.UTC(9999, 0) ? new Date(time) : null
}
