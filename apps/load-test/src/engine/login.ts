import type { Answer, Servers } from './servers.ts'
import { codeFlowCalls } from './code-flow.ts'

/** How clients get their first tokens. */
export const LOGIN_WAYS = ['password', 'code', 'client-credentials'] as const
export type LoginWay = (typeof LOGIN_WAYS)[number]

export interface Login {
  way: LoginWay
  /** The client at the auth server. Absent: with a password, the default one of the realm. */
  clientId?: string
  secret?: string
  /** Where a code goes. Nothing has to listen there. */
  redirectUri?: string
  /** What tokens are for (RFC 8707), if the client may ask for several resources. */
  resource?: string
}

/**
 * Does what the published client asks for at `/auth/login`, `/auth/refresh` or `/auth/logout`, and answers as that call does.
 * Never rejects. It belongs to one user.
 */
export type AuthCalls = (path: string, body: string, signal?: AbortSignal | null) => Promise<Answer>

export function authCalls(auth: Servers, login: Login): AuthCalls {
  if (login.way === 'code') return codeFlowCalls(auth, login)
  const headers = { 'content-type': 'application/json' }
  return (path, body, signal) =>
    auth.send({ method: 'POST', path, headers, body: path === '/auth/login' ? named(body, login) : body }, signal)
}

const named = (body: string, { clientId, resource }: Login): string =>
  JSON.stringify({
    ...(JSON.parse(body) as object),
    ...(clientId !== undefined && { client_id: clientId }),
    ...(resource !== undefined && { resource: [resource] }),
  })
