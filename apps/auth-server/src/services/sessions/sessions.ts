import { type PolicySettings, longestIdleMs, policyOf } from '../../rules/client-policy.ts'
import { type Revocable, type Revocation, type RevocationReason, endOf, isUnredeemedCode } from '../../rules/family.ts'
import { PAGES_CLIENT } from '../../rules/pages-client.ts'
import type { RealmSource } from '../../rules/realm.ts'
import type { Clock } from '../../stores/clock.ts'
import type { EndableSession, Position, Session, Sessions } from '../../stores/sessions.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type RevokeParts, revoke } from './revoke.ts'

/** Sessions per statement. A commit, a read of the fence and a count of the position belong to each, so they are shared. */
const BATCH = 5_000

interface JudgeParts {
  config: PolicySettings
  realm: RealmSource
}

/** Whether a session is live at `now`, as Postgres has it. Its last refreshes may not be there yet. */
export function isLive({ config, realm }: JudgeParts, session: Session, now: number): boolean {
  const times = {
    createdAt: session.createdAt.getTime(),
    redeemedAt: session.lastUsedAt.getTime(),
    expiresAt: session.expiresAt.getTime(),
  }
  const family = { ...session, ...times, revoked: session.revokedAt }
  return now < endOf(family, policyOf(realm.current(), session.clientId, config))
}

type ListParts = JudgeParts & { sessions: Pick<Sessions, 'liveOfUser'>; clock: Clock }

/** A page of a user's live sessions, newest first, and the position of the next page if there are more. */
export async function liveSessions(
  parts: ListParts,
  userId: string,
  limit: number,
  after?: Position,
): Promise<{ sessions: Session[]; next: Position | undefined }> {
  const now = await parts.clock.now()
  const idleMs = longestIdleMs(parts.realm.current(), parts.config)
  const live: Session[] = []
  // Mostly one page. The store does not know the limits of each client.
  for (let [from, size] = [after, limit + 1]; live.length <= limit; size = BATCH) {
    const found = await parts.sessions.liveOfUser(userId, now, idleMs, size, from)
    live.push(...found.filter((session) => isLive(parts, session, now)))
    from = found.at(-1)
    if (found.length < size) break
  }
  const sessions = live.slice(0, limit)
  return { sessions, next: live.length > limit ? sessions.at(-1) : undefined }
}

type EndOneParts = EndAllParts & { sessions: Pick<Sessions, 'find'>; clock: Clock; realm: RealmSource }

/** Ends one session of the user; a browser's session at the pages with what belongs to it. It may be repeated. */
export async function endSession(
  parts: EndOneParts,
  userId: string,
  anySpelling: string,
  reason: RevocationReason,
): Promise<{ ok: true } | Refusal> {
  const session = await parts.sessions.find(userId, anySpelling)
  if (!session) return refuse('not_found', 'There is no such session.')
  // The session's own id. The same UUID in capitals would get an event of its own.
  const { family: id, sid, expiresAt, statusIndex, clientId } = session
  const revocable = { id, sid, userId, expiresAt: expiresAt.getTime(), statusIndex }
  const revocation = { at: await parts.clock.now(), reason }
  if (clientId === PAGES_CLIENT.id) await endPages(parts, revocable, revocation)
  else await revoke(parts, [revocable], revocation)
  return { ok: true }
}

/**
 * Ends a browser's session at the pages and, of what was opened from it, the sessions of browser clients (RFC 10017) and the
 * codes that nobody has redeemed. Native applications that are logged in go on: they have a logout of their own.
 */
export async function endPages(
  parts: EndAllParts & { realm: RealmSource },
  pages: Revocable,
  revocation: Revocation,
): Promise<void> {
  // First this one: what is opened from it afterwards ends itself (issue-code.ts).
  await revoke(parts, [pages], revocation)
  const { clients } = parts.realm.current()
  const isOfBrowser = (clientId: string) => (clients.get(clientId)?.origins.length ?? 0) > 0
  await endAllSessions(
    parts,
    pages.userId,
    revocation.reason,
    (session) => session.parent === pages.sid && (isOfBrowser(session.clientId) || isUnredeemedCode(session)),
  )
}

export type EndAllParts = RevokeParts & { sessions: Pick<Sessions, 'notRevoked'> }

/**
 * Ends all sessions of the user, or those that are wanted, and returns how many. It works oldest first, so sessions
 * that are opened meanwhile are ended too. After an error in the middle, calling it again ends the rest.
 */
export async function endAllSessions(
  parts: EndAllParts,
  userId: string,
  reason: RevocationReason,
  isWanted: (session: EndableSession) => boolean = () => true,
): Promise<number> {
  let ended = 0
  // Two batches at a time: Postgres commits one while Redis gets the other.
  let [older, newer] = [Promise.resolve(), Promise.resolve()]
  for (let after: Position | undefined; ;) {
    const { sessions, now } = await parts.sessions.notRevoked(userId, BATCH, after)
    await older
    const ending = sessions.filter(isWanted)
    ;[older, newer] = [newer, revoke(parts, ending, { at: now, reason })]
    // It is awaited below, but may fail before that.
    newer.catch(() => undefined)
    ended += ending.length
    after = sessions.at(-1)
    if (sessions.length < BATCH) break
  }
  await Promise.all([older, newer])
  return ended
}
