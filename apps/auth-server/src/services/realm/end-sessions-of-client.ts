import type { FamilyId } from '../../rules/family.ts'
import type { Sessions } from '../../stores/sessions.ts'
import { type RevokeParts, revoke } from '../sessions/revoke.ts'

/** Sessions per statement. */
const BATCH = 1_000

export type EndClientParts = RevokeParts & { sessions: Pick<Sessions, 'notRevokedOfClient'> }

/**
 * Revokes all sessions of a client, and returns how many. It finds those that are opened meanwhile only by chance, so no
 * server may open any more. After an error in the middle, calling it again ends the rest.
 */
export async function endSessionsOfClient(parts: EndClientParts, clientId: string): Promise<number> {
  let ended = 0
  for (let after: FamilyId | null = ''; after !== null;) {
    const page: Awaited<ReturnType<Sessions['notRevokedOfClient']>> = await parts.sessions.notRevokedOfClient(
      clientId,
      after,
    )
    for (let i = 0; i < page.sessions.length; i += BATCH)
      await revoke(parts, page.sessions.slice(i, i + BATCH), { at: page.now, reason: 'client_disabled' }, clientId)
    ended += page.sessions.length
    after = page.last
  }
  return ended
}
