import type { RevocationReason } from '../rules/family.ts'
import type { Session } from '../stores/sessions.ts'
import type { Core } from './core.ts'
import { type Refusal, refuse } from './refusal.ts'
import { revoke } from './revoke.ts'

/** By the record's own clock: not revoked, and within both lifetimes. */
export function isLive(core: Core, session: Session, now: number): boolean {
  const idleEnd = session.lastUsedAt.getTime() + core.config.refreshPolicy.idleMs
  return session.revokedAt === null && now < Math.min(idleEnd, session.expiresAt.getTime())
}

export async function liveSessions(core: Core, userId: string): Promise<Session[]> {
  const [sessions, now] = await Promise.all([core.sessions.ofUser(userId), core.accounts.now()])
  return sessions.filter((session) => isLive(core, session, now))
}

/** Ends one session of the user. Ending it twice is ending it once. */
export async function endSession(
  core: Core,
  userId: string,
  sid: string,
  reason: RevocationReason,
): Promise<{ ok: true } | Refusal> {
  const session = await core.sessions.find(userId, sid)
  if (!session) return refuse('not_found', 'There is no such session.')
  await endSessions(core, [session], reason)
  return { ok: true }
}

/** Ends all sessions of the user but one, if one is named, and answers how many. */
export async function endAllSessions(
  core: Core,
  userId: string,
  reason: RevocationReason,
  exceptSid?: string,
): Promise<number> {
  const [sessions, now] = await Promise.all([core.sessions.ofUser(userId), core.accounts.now()])
  // Also those that look idle: the record may lack their last refreshes.
  const ending = sessions.filter(
    ({ sid, revokedAt, expiresAt }) => sid !== exceptSid && revokedAt === null && expiresAt.getTime() > now,
  )
  await endSessions(core, ending, reason)
  return ending.length
}

async function endSessions(core: Core, sessions: readonly Session[], reason: RevocationReason): Promise<void> {
  const families = sessions.map(({ family: id, sid, userId, expiresAt }) => ({
    id,
    sid,
    userId,
    expiresAt: expiresAt.getTime(),
  }))
  await revoke(core, families, { at: await core.accounts.now(), reason })
}
