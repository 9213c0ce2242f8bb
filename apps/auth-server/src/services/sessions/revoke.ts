import { EMPTY_STATE, type Revocable, type Revocation } from '../../rules/family.ts'
import type { RefreshTokens } from '../../rules/refresh-token.ts'
import type { FamilyStore } from '../../stores/family-store.ts'
import type { RecordEvent } from '../security-event.ts'

/** If more sessions than this end at once, one event gives their number. One event each would flood the table and the log. */
const MAX_EVENTS = 100

export interface RevokeParts {
  families: Pick<FamilyStore, 'revoke'>
  audit: RecordEvent
}

/**
 * Revokes families and records it. Every revocation goes through here, so each one has its event. Durable when it returns.
 * @param families of one user. All of them go into one statement, so callers pass large numbers in batches.
 */
export async function revoke(
  { families: store, audit }: RevokeParts,
  families: readonly Revocable[],
  revocation: Revocation,
): Promise<void> {
  const [first] = families
  if (!first) return
  const { reason } = revocation
  const state = { ...EMPTY_STATE, revoked: revocation }
  await store.revoke(families.map(({ id, expiresAt, statusIndex }) => ({ id, expiresAt, statusIndex, state })))
  if (families.length > MAX_EVENTS)
    return audit({ type: 'revoked', userId: first.userId, sessions: families.length, reason })
  for (const { userId, sid } of families) audit({ type: 'revoked', userId, sid, reason })
}

type LogOutParts = RevokeParts & {
  families: Pick<FamilyStore, 'load'>
  refreshTokens: Pick<RefreshTokens, 'parse'>
}

/**
 * Ends the session of a refresh token. A token that is unknown or whose session has ended is no error (RFC 7009, section 2.2).
 * A revoked session is revoked again, because the first attempt may have been answered with a 503.
 */
export async function logOut(parts: LogOutParts, refreshToken: string): Promise<void> {
  const token = parts.refreshTokens.parse(refreshToken)
  const found = token && (await parts.families.load(token.family))
  if (found) await revoke(parts, [found.family], { at: found.now, reason: 'logout' })
}
