import type { Consents } from '../../stores/consents.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type EndAllParts, endAllSessions } from '../sessions/sessions.ts'

type WithdrawParts = EndAllParts & { consents: Pick<Consents, 'empty' | 'removeEmpty'> }

/**
 * Withdraws what a user has allowed a client, and ends its sessions of this user. The row goes last, so that after an error in
 * the middle, calling it again ends the rest. A session that is opened meanwhile finds the row empty (issue-code.ts).
 */
export async function withdrawConsent(
  parts: WithdrawParts,
  userId: string,
  id: string,
): Promise<{ ok: true; clientId: string; sessionsEnded: number } | Refusal> {
  const clientId = await parts.consents.empty(userId, id)
  if (clientId === null) return refuse('not_found', 'There is no such grant.')
  const isOfClient = (session: { clientId: string }) => session.clientId === clientId
  const sessionsEnded = await endAllSessions(parts, userId, 'consent_withdrawn', isOfClient)
  await parts.consents.removeEmpty(id)
  parts.audit({ type: 'consent_withdrawn', userId, clientId, sessions: sessionsEnded })
  return { ok: true, clientId, sessionsEnded }
}
