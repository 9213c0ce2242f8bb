import { EMPTY_STATE, type Revocable, type Revocation } from '../../rules/family.ts'
import type { FamilyStore } from '../../stores/family-store.ts'
import type { Refusal } from '../refusal.ts'
import type { RecordEvent } from '../security-event.ts'
import { type FindParts, type PresentedToken, findFamily, notTaken } from './find-family.ts'

/** If more sessions than this end at once, one event gives their number. One event each would flood the table and the log. */
const MAX_EVENTS = 100

export interface RevokeParts {
  families: Pick<FamilyStore, 'revoke'>
  audit: RecordEvent
}

/**
 * Revokes families and records it. Every revocation goes through here, so each one has its event. Durable when it returns.
 * @param families of one user, or of one client. All of them go into one statement, so callers pass large numbers in batches.
 * @param clientId the client, if they are of many users.
 */
export async function revoke(
  { families: store, audit }: RevokeParts,
  families: readonly Revocable[],
  revocation: Revocation,
  clientId?: string,
): Promise<void> {
  const [first] = families
  if (!first) return
  const { reason } = revocation
  const state = { ...EMPTY_STATE, revoked: revocation }
  await store.revoke(families.map(({ id, expiresAt, statusIndex }) => ({ id, expiresAt, statusIndex, state })))
  if (families.length > MAX_EVENTS)
    return audit({
      type: 'revoked',
      ...(clientId === undefined ? { userId: first.userId } : { clientId }),
      sessions: families.length,
      reason,
    })
  for (const { userId, sid } of families) audit({ type: 'revoked', userId, sid, reason })
}

/**
 * Ends the session of a refresh token. A token that is unknown or whose session has ended is no error (RFC 7009, section 2.2).
 * A revoked session is revoked again, because the first attempt may have been answered with a 503. The token of a client that
 * this call does not take is refused, and nothing changes.
 */
export async function logOut(parts: RevokeParts & FindParts, token: PresentedToken): Promise<{ ok: true } | Refusal> {
  const found = await findFamily(parts, token)
  if (!found) return { ok: true }
  if (!found.client) return notTaken(token, found)
  await revoke(parts, [found.family], { at: found.now, reason: 'logout' })
  return { ok: true }
}
