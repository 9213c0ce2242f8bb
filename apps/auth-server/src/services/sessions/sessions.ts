import type { RevocationReason } from '../../rules/family.ts'
import type { Position, Session } from '../../stores/sessions.ts'
import type { Core } from '../core.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { revoke } from './revoke.ts'

/** By the record's own clock: not revoked, and within both lifetimes. */
export function isLive(core: Core, session: Session, now: number): boolean {
  const idleEnd = session.lastUsedAt.getTime() + core.config.refreshPolicy.idleMs
  return session.revokedAt === null && now < Math.min(idleEnd, session.expiresAt.getTime())
}

/** A page of the live sessions of a user, newest first, and the position to go on from if there are more. */
export async function liveSessions(
  core: Core,
  userId: string,
  limit: number,
  after?: Position,
): Promise<{ sessions: Session[]; next: Position | undefined }> {
  const { idleMs } = core.config.refreshPolicy
  const found = await core.sessions.liveOfUser(userId, await core.accounts.now(), idleMs, limit + 1, after)
  const sessions = found.slice(0, limit)
  return { sessions, next: found.length > limit ? sessions.at(-1) : undefined }
}

/** Ends one session of the user. Ending it twice is ending it once. */
export async function endSession(
  core: Core,
  userId: string,
  anySpelling: string,
  reason: RevocationReason,
): Promise<{ ok: true } | Refusal> {
  const session = await core.sessions.find(userId, anySpelling)
  if (!session) return refuse('not_found', 'There is no such session.')
  // The session's own id: a UUID in capitals is the same one, and would be an event of its own.
  const { family: id, sid, expiresAt } = session
  await revoke(core, [{ id, sid, userId, expiresAt: expiresAt.getTime() }], { at: await core.accounts.now(), reason })
  return { ok: true }
}

/** What a batch costs besides its rows is small, and nobody else waits for it. */
const ENDED_AT_ONCE = 1_000

/**
 * Ends all sessions of the user but one, if one is named, and answers how many: in batches, oldest first, so that those are
 * found too that are opened meanwhile. A fault in the middle leaves the rest as it is, and asking again ends it.
 */
export async function endAllSessions(
  core: Core,
  userId: string,
  reason: RevocationReason,
  exceptSid?: string,
): Promise<number> {
  let ended = 0
  for (let after: Position | undefined; ;) {
    const { sessions, now } = await core.sessions.notRevoked(userId, 2 * ENDED_AT_ONCE, after)
    const ending = sessions.filter(({ sid }) => sid !== exceptSid)
    // Two batches at a time: Postgres commits one while Redis is told of the other.
    await Promise.all(
      [ending.slice(0, ENDED_AT_ONCE), ending.slice(ENDED_AT_ONCE)].map((batch) =>
        revoke(core, batch, { at: now, reason }),
      ),
    )
    ended += ending.length
    after = sessions.at(-1)
    if (sessions.length < 2 * ENDED_AT_ONCE) return ended
  }
}
