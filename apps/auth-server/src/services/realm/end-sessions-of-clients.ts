import type { FamilyId } from '../../rules/family.ts'
import type { Sessions } from '../../stores/sessions.ts'
import { type RevokeParts, revoke } from '../sessions/revoke.ts'

/** Sessions per statement. */
const BATCH = 1_000

export type EndClientsParts = RevokeParts & { sessions: Pick<Sessions, 'notRevokedOfClients'> }

/**
 * Revokes the sessions of these clients that are over, and returns how many. Of sessions that are opened meanwhile it may miss
 * some, so no server may open any more. After an error in the middle, calling it again ends the rest.
 */
export async function endSessionsOfClients(parts: EndClientsParts, clientIds: readonly string[]): Promise<number> {
  let ended = 0
  for (let after: FamilyId | null = clientIds.length > 0 ? '' : null; after !== null;) {
    const page: Awaited<ReturnType<Sessions['notRevokedOfClients']>> = await parts.sessions.notRevokedOfClients(
      clientIds,
      after,
    )
    for (const [clientId, sessions] of Map.groupBy(page.sessions, (session) => session.clientId))
      for (let i = 0; i < sessions.length; i += BATCH)
        await revoke(parts, sessions.slice(i, i + BATCH), { at: page.now, reason: 'client_disabled' }, clientId)
    ended += page.sessions.length
    after = page.last
  }
  return ended
}
