import { EMPTY_STATE, type Revocable, type Revocation } from '../../rules/family.ts'
import type { Core } from '../core.ts'

/** Of more than these at once, one event tells the number: an event each would be a flood of rows and of log lines. */
const MOST_EVENTS = 100

/**
 * Every revocation goes through here, so that none lacks its event. Durable when it returns.
 * @param families of one user. What ends many of them asks in batches: all of one call are in memory, and in one statement.
 */
export async function revoke(core: Core, families: readonly Revocable[], revocation: Revocation): Promise<void> {
  const [first] = families
  if (!first) return
  const { reason } = revocation
  const state = { ...EMPTY_STATE, revoked: revocation }
  await core.families.revoke(families.map(({ id, expiresAt }) => ({ id, expiresAt, state })))
  if (families.length > MOST_EVENTS)
    return core.audit({ type: 'revoked', userId: first.userId, sessions: families.length, reason })
  for (const { userId, sid } of families) core.audit({ type: 'revoked', userId, sid, reason })
}
