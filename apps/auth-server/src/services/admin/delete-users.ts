import { deleteUser as deleteOne } from '../accounts/delete-user.ts'
import type { AdminParts } from './admin-parts.ts'
import { allowedUser } from './users.ts'

export async function deleteUser(parts: AdminParts, { id }: { id: string }) {
  const found = await allowedUser(parts, id)
  if (!found.ok) return found
  return { ok: true as const, deleted: found.account.id, sessions_ended: await deleteOne(parts.core, found.account.id) }
}

/** Deletes the users again whom a restored backup brought back. */
export async function deleteUsersAgain({ core }: AdminParts) {
  const returned = await core.deletions.returned()
  for (const id of returned) await deleteOne(core, id)
  if (returned.length > 0) core.audit({ type: 'deleted_again', users: returned.length })
  return { deleted_again: returned.length }
}
