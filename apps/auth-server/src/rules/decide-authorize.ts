import type { AuthorizeError, AuthorizeRequest } from './authorize-request.ts'
import { isNativeRedirect } from './redirect-uri.ts'

/** What is known about the user when a valid request is decided. */
export interface Visitor {
  /** Whether the browser has a session at the pages. */
  isLoggedIn: boolean
  /** Whether the user has just proven the password, for this request. */
  isFresh: boolean
  /** Whether the user has allowed this client all that it asks for, before. */
  hasConsented: boolean
  /** The button that was pressed on the consent page of this request. */
  decision: 'allow' | 'deny' | null
}

export type AuthorizeStep =
  | { kind: 'log_in' }
  | { kind: 'ask' }
  | { kind: 'grant' }
  | { kind: 'refuse'; error: AuthorizeError; description: string }

/** What a valid request leads to. */
export function decideAuthorize(request: AuthorizeRequest, visitor: Visitor): AuthorizeStep {
  const { prompt } = request
  const mayShow = !prompt.has('none')
  const mustLogIn = !visitor.isLoggedIn || (prompt.has('login') && !visitor.isFresh)
  if (mustLogIn) return mayShow ? { kind: 'log_in' } : refuse('login_required', 'The user is not logged in.')
  if (visitor.decision === 'deny') return refuse('access_denied', 'The user denied access.')
  if (visitor.decision === 'allow' || !mustAsk(request, visitor)) return { kind: 'grant' }
  return mayShow ? { kind: 'ask' } : refuse('consent_required', 'The user must give consent.')
}

function mustAsk({ client, redirectUri, prompt }: AuthorizeRequest, { hasConsented }: Visitor): boolean {
  if (client.firstParty) return false
  // RFC 8252, section 8.6: any program may have started this, and may be the one that gets the code.
  const isAnyProgram = client.auth === 'none' && isNativeRedirect(redirectUri)
  return isAnyProgram || prompt.has('consent') || !hasConsented
}

/** Whether what was allowed before includes what is asked for. A scope belongs to one resource, so two lists say it. */
export function covers(allowed: Allowed | null, asked: Allowed): boolean {
  if (!allowed) return false
  return (['resources', 'scopes'] as const).every((part) => asked[part].every((one) => allowed[part].includes(one)))
}

/** What a user allows a client. */
export interface Allowed {
  resources: readonly string[]
  scopes: readonly string[]
}

const refuse = (error: AuthorizeError, description: string) => ({ kind: 'refuse' as const, error, description })
