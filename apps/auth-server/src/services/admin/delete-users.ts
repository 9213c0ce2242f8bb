import { deleteUser as deleteOne } from '../accounts/delete-user.ts'
import type { AdminParts } from './admin-parts.ts'
import { CHANGED_MEANWHILE, asAllowed } from './users.ts'

export const deleteUser = (parts: AdminParts, { id }: { id: string }) =>
  asAllowed(parts, id, async (account, ifStill) => {
    const ended = await deleteOne(parts.core, account.id, ifStill)
    return ended === null ? CHANGED_MEANWHILE : { ok: true as const, deleted: account.id, sessions_ended: ended }
  })

/** Deletes the users again whom a restored backup brought back. */
export async function deleteUsersAgain({ core }: AdminParts) {
  const returned = await core.deletions.returned()
  for (const id of returned) await deleteOne(core, id)
  if (returned.length > 0) core.audit({ type: 'deleted_again', users: returned.length })
  return { deleted_again: returned.length }
}
