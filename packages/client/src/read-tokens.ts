import { type Answer, errorCode } from './auth-server.ts'
import { ClientError, misconfigured } from './client-error.ts'
import { type Session, readTokenResponse } from './session.ts'

/** The session in an answer, or `misconfigured`. */
export function readTokens({ url, status, body }: Answer, askedAt: number, inCookie: boolean): Session | ClientError {
  if (status !== 200) return misconfigured(url, `answered ${status} (${errorCode(body)})`)
  return readTokenResponse(body, askedAt, inCookie) ?? misconfigured(url, 'answered without tokens')
}

/**
 * The session in the answer to a login.
 *
 * @param isRefused whether this answer means that the server does not accept the login
 * @throws ClientError if there is none
 */
export function readLogin(
  answer: Answer | ClientError,
  askedAt: number,
  inCookie: boolean,
  isRefused: (answer: Answer) => boolean,
): Session {
  if (answer instanceof ClientError) throw answer
  const { status, body, retryAfterMs } = answer
  if (status === 429) throw new ClientError('too_many_attempts', 'Too many attempts to log in.', retryAfterMs)
  if (isRefused(answer)) throw loginRefused(body)
  const session = readTokens(answer, askedAt, inCookie)
  if (session instanceof ClientError) throw session
  return session
}

export const loginRefused = (body: Answer['body']): ClientError =>
  new ClientError('login_refused', `The auth server refuses this login: ${errorCode(body)}.`)
