import { isUuid } from '../../rules/uuid.ts'
import type { Position } from '../../stores/sessions.ts'
import { withdrawConsent } from '../authorize/withdraw-consent.ts'
import { NO_SUCH_USER, refuse } from '../refusal.ts'
import { endAllSessions, endSession, isLive } from '../sessions/sessions.ts'
import type { AdminParts } from './admin-parts.ts'
import { shownGrant, shownSession } from './export-user.ts'
import { accountOf, allowedUser } from './users.ts'

interface UserId {
  id: string
}

/** A page of the sessions of a user, newest first, also those that ended and are not pruned yet. */
export async function listSessions(
  { core }: AdminParts,
  { id, limit = '100', after }: UserId & { limit?: string; after?: string },
) {
  const account = await accountOf(core, id)
  if (!account) return NO_SUCH_USER
  const size = Number(limit)
  const [found, now] = await Promise.all([
    core.sessions.ofUser(account.id, size + 1, after === undefined ? undefined : toPosition(after)),
    core.clock.now(),
  ])
  const page = found.slice(0, size)
  const last = page.at(-1)
  return {
    ok: true as const,
    sessions: page.map((session) => shownSession(session, isLive(core, session, now))),
    ...(found.length > size && last && { next: `${last.createdAt.getTime()}_${last.sid}` }),
  }
}

function toPosition(text: string): Position {
  const [time, sid = ''] = text.split('_')
  return { createdAt: new Date(Number(time)), sid }
}

export async function endUserSessions(parts: AdminParts, { id }: UserId) {
  const found = await allowedUser(parts, id)
  if (!found.ok) return found
  return { ok: true as const, sessions_ended: await endAllSessions(parts.core, found.account.id, 'admin') }
}

export async function endUserSession(parts: AdminParts, { id, session_id: sid }: UserId & { session_id: string }) {
  const found = await allowedUser(parts, id)
  if (!found.ok) return found
  if (!isUuid(sid)) return refuse('not_found', 'There is no such session.')
  const ended = await endSession(parts.core, found.account.id, sid, 'admin')
  return ended.ok ? { ok: true as const, sessions_ended: 1 } : ended
}

export async function listGrants({ core }: AdminParts, { id }: UserId) {
  const account = await accountOf(core, id)
  if (!account) return NO_SUCH_USER
  return { ok: true as const, grants: (await core.consents.ofUser(account.id)).map(shownGrant) }
}

export async function withdrawGrant(parts: AdminParts, { id, grant_id: grant }: UserId & { grant_id: string }) {
  const found = await allowedUser(parts, id)
  if (!found.ok) return found
  if (!isUuid(grant)) return refuse('not_found', 'There is no such grant.')
  const withdrawn = await withdrawConsent(parts.core, found.account.id, grant)
  if (!withdrawn.ok) return withdrawn
  return { ok: true as const, client_id: withdrawn.clientId, sessions_ended: withdrawn.sessionsEnded }
}
