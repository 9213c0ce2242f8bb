import type { AuthorizeError, AuthorizeRequest } from '../../rules/authorize-request.ts'
import { covers } from '../../rules/decide-authorize.ts'
import type { Core } from '../core.ts'
import { ACCOUNT_CHANGED, type Refusal } from '../refusal.ts'
import { type Opened, type Opening, openSession } from '../sessions/open-session.ts'
import { revoke } from '../sessions/revoke.ts'
import type { PagesSession } from './pages-session.ts'

/**
 * Opens the session of a request that was granted, and issues its first token: the code.
 * @param authTime when the user logged in, in milliseconds.
 */
export async function issueCode(
  core: Core,
  request: AuthorizeRequest,
  session: PagesSession,
  authTime: number,
  how: Opening['how'],
): Promise<{ ok: true; code: string } | ReturnType<typeof refused>> {
  const { client, redirectUri, resources, scope, challenge } = request
  const from = { parent: session.family.sid, authTime }
  const open = (user: Opening['user']) => openSession(core, { user, client, resources, scope, from, how })
  let opened = await open(session.account)
  // The roles may have changed since the account was read. What ends sessions has ended this browser's too: see below.
  const account = opened === ACCOUNT_CHANGED ? await core.accounts.byId(session.account.id) : null
  if (account) opened = await open(account)
  if (!opened.ok) return refused(errorOf(opened), opened.description)

  const ended = await endedMeanwhile(core, opened, session)
  if (ended) {
    await revoke(core, [opened.family], { at: opened.now, reason: ended })
    return refused('access_denied', 'The user is no longer logged in, or has withdrawn consent.')
  }
  return { ok: true, code: core.codes.issue(opened.family.id, { clientId: client.id, redirectUri, challenge }) }
}

/**
 * Whatever should end this session ends those that it finds. If it looked before this one was there, it had already ended the
 * browser's session or emptied the consent, and that is seen here. Answers why this one must end, or null.
 */
async function endedMeanwhile({ families, realm, consents }: Core, { family }: Opened, session: PagesSession) {
  const { userId, clientId } = family
  const [parent, consent] = await Promise.all([
    families.load(session.family.id),
    realm.current().clients.get(clientId)?.firstParty ? null : consents.find(userId, clientId),
  ])
  if (!parent || parent.family.revoked) return parent?.family.revoked?.reason ?? 'logout'
  const isAllowed = realm.current().clients.get(clientId)?.firstParty || covers(consent, allowedBy(family))
  return isAllowed ? null : 'consent_withdrawn'
}

const refused = (error: AuthorizeError, description: string) => ({ ok: false as const, error, description })

/** RFC 6749, section 4.1.2.1. */
function errorOf({ error }: Refusal): AuthorizeError {
  if (error === 'too_many_attempts') return 'temporarily_unavailable'
  return error === 'invalid_scope' ? error : 'access_denied'
}

/** What a grant holds, as a consent has it. */
const allowedBy = ({ resources, scope }: Opened['family']) => ({
  resources: split(resources ?? ''),
  scopes: split(scope),
})

const split = (text: string) => text.split(' ').filter((word) => word !== '')
