import { type PolicySettings, liveTerms, policyOf } from '../../rules/client-policy.ts'
import { type RevocationReason, endOf } from '../../rules/family.ts'
import type { RealmSource } from '../../rules/realm.ts'
import type { Clock } from '../../stores/clock.ts'
import type { Position, Session, Sessions } from '../../stores/sessions.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type RevokeParts, revoke } from './revoke.ts'

interface JudgeParts {
  config: PolicySettings
  realm: RealmSource
}

/** Whether a session is live at `now`, as Postgres has it. Its last refreshes may not be there yet. */
export function isLive({ config, realm }: JudgeParts, session: Session, now: number): boolean {
  const { clientId, createdAt, lastUsedAt, expiresAt, revokedAt } = session
  const times = { createdAt: createdAt.getTime(), redeemedAt: lastUsedAt.getTime(), expiresAt: expiresAt.getTime() }
  return now < endOf({ ...times, revoked: revokedAt }, policyOf(realm.current(), clientId, config))
}

type ListParts = JudgeParts & { sessions: Pick<Sessions, 'liveOfUser'>; clock: Clock }

/** A page of a user's live sessions, newest first, and the position of the next page if there are more. */
export async function liveSessions(
  parts: ListParts,
  userId: string,
  limit: number,
  after?: Position,
): Promise<{ sessions: Session[]; next: Position | undefined }> {
  const terms = liveTerms(parts.realm.current(), parts.config)
  const found = await parts.sessions.liveOfUser(userId, await parts.clock.now(), terms, limit + 1, after)
  const sessions = found.slice(0, limit)
  return { sessions, next: found.length > limit ? sessions.at(-1) : undefined }
}

type EndOneParts = RevokeParts & { sessions: Pick<Sessions, 'find'>; clock: Clock }

/** Ends one session of the user. It may be repeated. */
export async function endSession(
  parts: EndOneParts,
  userId: string,
  anySpelling: string,
  reason: RevocationReason,
): Promise<{ ok: true } | Refusal> {
  const session = await parts.sessions.find(userId, anySpelling)
  if (!session) return refuse('not_found', 'There is no such session.')
  // The session's own id: a UUID in capitals is the same one, and would be an event of its own.
  const { family: id, sid, expiresAt, statusIndex } = session
  const revocable = { id, sid, userId, expiresAt: expiresAt.getTime(), statusIndex }
  await revoke(parts, [revocable], { at: await parts.clock.now(), reason })
  return { ok: true }
}

/** Sessions per statement. Large, because the fixed cost of a statement is shared and no other request waits for it. */
const BATCH = 1_000

export type EndAllParts = RevokeParts & { sessions: Pick<Sessions, 'notRevoked'> }

/**
 * Ends all sessions of the user except one, if `exceptSid` is given, and returns how many. It works oldest first, so sessions
 * that are opened meanwhile are ended too. After an error in the middle, calling it again ends the rest.
 */
export async function endAllSessions(
  parts: EndAllParts,
  userId: string,
  reason: RevocationReason,
  exceptSid?: string,
): Promise<number> {
  let ended = 0
  for (let after: Position | undefined; ;) {
    const { sessions, now } = await parts.sessions.notRevoked(userId, 2 * BATCH, after)
    const ending = sessions.filter(({ sid }) => sid !== exceptSid)
    // Two batches at a time: Postgres commits one while Redis gets the other.
    await Promise.all(
      [ending.slice(0, BATCH), ending.slice(BATCH)].map((batch) => revoke(parts, batch, { at: now, reason })),
    )
    ended += ending.length
    after = sessions.at(-1)
    if (sessions.length < 2 * BATCH) return ended
  }
}
