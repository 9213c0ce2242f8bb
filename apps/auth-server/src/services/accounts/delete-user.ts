import type { UserDeletions } from '../../replication/user-deletions.ts'
import type { Accounts } from '../../stores/accounts.ts'
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
 */
export async function deleteUser(parts: DeleteUserParts, userId: string): Promise<number> {
  await parts.accounts.change(userId, { disabledAt: new Date(), passwordHash: null })
  const sessions = await endAllSessions(parts, userId, 'deleted')
  // What waits here would be written after the rows are gone.
  await parts.events.flush()
  await parts.deletions.delete(userId)
  parts.audit({ type: 'user_deleted', user: userHash(userId), sessions })
  return sessions
}
