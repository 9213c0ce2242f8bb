import { createHash } from 'node:crypto'
import type { AuthorizeError, AuthorizeRequest } from '../../rules/authorize-request.ts'
import { type Allowed, covers, decideAuthorize } from '../../rules/decide-authorize.ts'
import type { Realm } from '../../rules/realm.ts'
import { narrowScope } from '../../rules/scopes.ts'
import type { Core } from '../core.ts'
import type { Opening } from '../sessions/open-session.ts'
import { issueCode } from './issue-code.ts'
import type { PagesSession } from './pages-session.ts'

/** Who asks, and what was pressed. */
interface Visit {
  /** Null if the browser is not logged in. */
  session: PagesSession | null
  /** When the user proved the password for this very request, in milliseconds, or null. */
  authTime: number | null
  decision: 'allow' | 'deny' | null
  /** The hash from the consent page on which it was pressed. */
  shown?: string | null
}

export type Authorized =
  | { kind: 'log_in' }
  /** What the consent page shows: the scopes in words. `shown` is a hash of it. */
  | { kind: 'ask'; resources: { name: string; scopes: string[] }[]; shown: string }
  | { kind: 'granted'; code: string }
  | { kind: 'refuse'; error: AuthorizeError; description: string }

/** Takes a valid request as far as it gets without another press. */
export async function authorize(
  core: Core,
  request: AuthorizeRequest,
  { session, authTime, decision, shown: seen }: Visit,
  how: Opening['how'],
): Promise<Authorized> {
  const { client, resources, scope: asked } = request
  const realm = core.realm.current()
  const roles = session?.account.roles ?? null
  const scope = narrowScope(realm, { client, resources, roles, asked })
  const wanted = { resources, scopes: (scope ?? '').split(' ').filter((name) => name !== '') }
  const words = inWords(realm, wanted)
  const shown = hashOf([request.redirectUri, wanted, words])
  const remembered = session && !client.firstParty ? await core.consents.find(session.account.id, client.id) : null
  const step = decideAuthorize(request, {
    isLoggedIn: session !== null,
    isFresh: authTime !== null,
    hasConsented: covers(remembered, wanted),
    // The realm or the user's roles may have changed while the page was open. Nobody allows what was not shown.
    decision: decision === 'allow' && seen !== shown ? null : decision,
  })
  if (step.kind === 'log_in' || step.kind === 'refuse') return step
  if (scope === null) return refused('invalid_scope', 'The roles of this user grant none of the requested scope.')
  if (step.kind === 'ask') return { kind: 'ask', resources: words, shown }
  if (!session) return { kind: 'log_in' }

  const userId = session.account.id
  if (!client.firstParty && !covers(remembered, wanted)) {
    await core.consents.add(userId, client.id, wanted)
    core.audit({ type: 'consent_given', userId, clientId: client.id })
  }
  const issued = await issueCode(core, request, session, authTime ?? session.family.createdAt, how)
  return issued.ok ? { kind: 'granted', code: issued.code } : refused(issued.error, issued.description)
}

const hashOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('base64url')

const refused = (error: AuthorizeError, description: string) => ({ kind: 'refuse' as const, error, description })

function inWords({ resources: known }: Realm, { resources, scopes }: Allowed) {
  return resources.map((id) => {
    const { name, scopes: words } = known.get(id) ?? { name: id, scopes: {} }
    const granted = Object.entries(words).filter(([scope]) => scopes.includes(scope))
    return { name, scopes: granted.map(([, meaning]) => meaning) }
  })
}
