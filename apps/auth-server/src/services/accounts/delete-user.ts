import type { UserDeletions } from '../../replication/user-deletions.ts'
import type { AccountCondition, Accounts } from '../../stores/accounts.ts'
import type { AuditEvents } from '../../stores/audit-events.ts'
import { userHash } from '../../stores/deleted-users.ts'
import { type EndAllParts, endAllSessions } from '../sessions/sessions.ts'

export type DeleteUserParts = EndAllParts & {
  accounts: Pick<Accounts, 'change'>
  deletions: Pick<UserDeletions, 'delete'>
  events: Pick<AuditEvents, 'flush'>
}

/**
 * Deletes a user with all that belongs to them, and returns how many sessions were ended. First every server refuses the user,
 * then the sessions end, so that no service takes their tokens, and then the rows go. After an error it may be repeated.
 * @param ifStill null is returned, and nothing was done, if the account does not match it, or is not there.
 */
export async function deleteUser(
  parts: DeleteUserParts,
  userId: string,
  ifStill?: AccountCondition,
): Promise<number | null> {
  const refused = await parts.accounts.change(userId, { disabledAt: new Date(), passwordHash: null }, ifStill)
  if (!refused && ifStill) return null
  const sessions = await endAllSessions(parts, userId, 'deleted')
  // What waits here would be written after the rows are gone.
  await parts.events.flush()
  await parts.deletions.delete(userId)
  parts.audit({ type: 'user_deleted', user: userHash(userId), sessions })
  return sessions
}
