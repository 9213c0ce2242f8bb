import type { Client, Realm } from './realm.ts'
import { isRegisteredRedirect } from './redirect-uri.ts'
import { narrowScope } from './scopes.ts'
import { MAX_RESOURCES, targetOfGrant } from './target.ts'

/** A valid request at the authorization endpoint (RFC 6749, section 4.1.1). */
export interface AuthorizeRequest {
  client: Client
  redirectUri: string
  /** Undefined if the request had none. */
  state: string | undefined
  /** What is asked for, from rules/target.ts. */
  resources: readonly string[]
  /** As it was asked for. Undefined asks for all. */
  scope: string | undefined
  /** RFC 7636, section 4.2, by the method S256. */
  challenge: string
  prompt: ReadonlySet<Prompt>
}

/** OpenID Connect Core, section 3.1.2.1. Other values are ignored. */
const PROMPTS = ['none', 'login', 'consent'] as const
export type Prompt = (typeof PROMPTS)[number]

/**
 * RFC 6749, section 4.1.2.1, RFC 8707, section 2, and OpenID Connect Core, section 3.1.2.6. The comment of each is on the
 * reference page: its meaning, then what a client does.
 */
export type AuthorizeError =
  /** A parameter is missing, wrong or sent twice. Client: correct the request. */
  | 'invalid_request'
  /** The client is not registered for `authorization_code`. Client: correct its registration. */
  | 'unauthorized_client'
  /** The only response type is `code`. Client: ask for it. */
  | 'unsupported_response_type'
  /** The client may not ask for any of that scope, or the user's roles grant none of it. Client: ask for another scope. */
  | 'invalid_scope'
  /** The client may not ask for that resource. Client: name one of its own. */
  | 'invalid_target'
  /** The user denied access, or has logged out since. Client: tell the user, who may start again. */
  | 'access_denied'
  /** Only with `prompt=none`: the user is not logged in. Client: ask again without it. */
  | 'login_required'
  /** Only with `prompt=none`: the user must be asked. Client: ask again without it. */
  | 'consent_required'
  /** The user has opened too many sessions in a short time. Client: start again later. */
  | 'temporarily_unavailable'

/** An answer that goes back to the client. */
export interface AuthorizeRefusal extends Pick<AuthorizeRequest, 'redirectUri' | 'state'> {
  kind: 'refused'
  error: AuthorizeError
  description: string
}

export type JudgedAuthorize =
  | { kind: 'valid'; request: AuthorizeRequest }
  /** It is not known where the answer may go, so the user sees it (RFC 6749, section 4.1.2.1). */
  | { kind: 'shown'; error: 'invalid_client' | 'invalid_request'; description: string }
  | AuthorizeRefusal

/** May be sent several times (RFC 8707, section 2). */
const REPEATABLE = 'resource'

/** 32 bytes in base64url, with no bits left over. */
const S256_CHALLENGE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/

/**
 * Judges a request before anybody logs in: first who asks and where the answer may go, then the rest. Unknown parameters are
 * ignored, and an empty one counts as absent (section 3.1).
 * @param query as it was sent.
 */
export function judgeAuthorizeRequest(query: string, realm: Realm, issuer: string): JudgedAuthorize {
  const sent = new URLSearchParams(query)
  const one = (name: string): string | undefined => sent.get(name) || undefined
  const isRepeated = (name: string) => sent.getAll(name).length > 1

  const client = realm.clients.get(one('client_id') ?? '')
  if (isRepeated('client_id') || !client || client.disabled)
    return shown('invalid_client', 'This application is not registered here.')
  const redirectUri = one('redirect_uri')
  if (
    redirectUri === undefined ||
    isRepeated('redirect_uri') ||
    !isRegisteredRedirect(redirectUri, client.redirectUris)
  )
    return shown('invalid_request', 'The address to return to is not registered for this application.')

  const state = isRepeated('state') ? undefined : one('state')
  const refused = (error: AuthorizeError, description: string) => ({
    kind: 'refused' as const,
    redirectUri,
    state,
    error,
    description,
  })
  const names = [...sent.keys()].filter((name) => name !== REPEATABLE)
  // Not `isRepeated` of each, which takes the square of their number.
  if (new Set(names).size < names.length) return refused('invalid_request', 'A parameter is sent more than once.')
  if (!client.grants.includes('authorization_code'))
    return refused('unauthorized_client', 'This client is not registered for authorization_code.')
  const responseType = one('response_type')
  if (responseType === undefined) return refused('invalid_request', 'The parameter response_type is missing.')
  if (responseType !== 'code') return refused('unsupported_response_type', 'The only response type is code.')
  const responseMode = one('response_mode')
  if (responseMode !== undefined && responseMode !== 'query')
    return refused('invalid_request', 'The only response mode is query.')
  const challenge = one('code_challenge')
  if (challenge === undefined) return refused('invalid_request', 'The parameter code_challenge is missing (PKCE).')
  if (one('code_challenge_method') !== 'S256')
    return refused('invalid_request', 'The code_challenge_method must be S256.')
  if (!S256_CHALLENGE.test(challenge))
    return refused('invalid_request', 'The code_challenge is not a valid S256 challenge.')

  const prompt = new Set(PROMPTS.filter((name) => one('prompt')?.split(' ').includes(name)))
  if (prompt.has('none') && prompt.size > 1)
    return refused('invalid_request', 'The prompt none cannot be combined with another.')
  const asked = sent.getAll(REPEATABLE).filter((name) => name !== '')
  if (asked.length > MAX_RESOURCES) return refused('invalid_request', `More than ${MAX_RESOURCES} resources are named.`)
  const target = targetOfGrant({ client, asked, issuer })
  if (!target.ok) return refused('invalid_target', target.description)
  const { resources } = target
  const scope = one('scope')
  if (narrowScope(realm, { client, resources, roles: null, asked: scope }) === null)
    return refused('invalid_scope', 'This client may not ask for any of the requested scope.')
  return { kind: 'valid', request: { client, redirectUri, state, resources, scope, challenge, prompt } }
}

const shown = (error: 'invalid_client' | 'invalid_request', description: string): JudgedAuthorize => ({
  kind: 'shown',
  error,
  description,
})
