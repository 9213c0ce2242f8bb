import { usernameKey } from '../../rules/username.ts'
import { describeEvent } from '../event-descriptions.ts'
import type { KeptEvent } from '../../stores/audit-events.ts'
import type { Consent } from '../../stores/consents.ts'
import type { Session } from '../../stores/sessions.ts'
import { NO_SUCH_USER } from '../refusal.ts'
import { isLive } from '../sessions/sessions.ts'
import type { AdminParts } from './admin-parts.ts'
import { accountOf, shownUser } from './users.ts'

/** The newest of each kind. Few users ever have so many. */
const MAX = 10_000

/** All that is kept of a user but the hash of the password. */
export async function exportUser({ core }: AdminParts, { id }: { id: string }) {
  const account = await accountOf(core, id)
  if (!account) return NO_SUCH_USER
  const [sessions, consents, events, networks, now] = await Promise.all([
    core.sessions.ofUser(account.id, MAX + 1),
    core.consents.ofUser(account.id),
    core.events.ofUser(account.id, MAX + 1),
    core.throttle.networksOf(usernameKey(account.username) ?? ''),
    core.clock.now(),
  ])
  core.audit({ type: 'user_exported', userId: account.id })
  return {
    ok: true as const,
    user: shownUser(account),
    sessions: sessions.slice(0, MAX).map((session) => shownSession(session, isLive(core, session, now))),
    grants: consents.map(shownGrant),
    known_networks: networks,
    events: events.slice(0, MAX).map(shownEvent),
    is_complete: sessions.length <= MAX && events.length <= MAX,
  }
}

export const shownSession = (session: Session, live: boolean) => ({
  id: session.sid,
  live,
  client_id: session.clientId,
  device: session.device,
  ip: session.ip,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  expires_at: session.expiresAt.toISOString(),
  revoked_at: session.revokedAt?.toISOString() ?? null,
  revoked_reason: session.revokedReason,
})

export const shownGrant = ({ id, clientId, resources, scopes, createdAt }: Consent) => ({
  id,
  client_id: clientId,
  resources: [...resources],
  scopes: [...scopes],
  created_at: createdAt.toISOString(),
})

export const shownEvent = (event: KeptEvent) => ({
  at: new Date(event.at).toISOString(),
  type: event.type,
  ...(event.userId !== undefined && { user_id: event.userId }),
  ...(event.sid !== undefined && { session_id: event.sid }),
  ...(event.detail['by'] !== undefined && { by: String(event.detail['by']) }),
  detail: event.detail,
  times: event.times,
  text: describeEvent(event),
})
