import { type Answer, errorCode } from './auth-server.ts'
import { ClientError, misconfigured } from './client-error.ts'
import { type Session, readTokenResponse } from './session.ts'

/** @throws ClientError if the answer to a login is not a session */
export function readLogin(answer: Answer | ClientError, askedAt: number, inCookie: boolean): Session {
  if (answer instanceof ClientError) throw answer
  const { url, status, body, retryAfterMs } = answer
  if (status === 401 && body['error'] === 'invalid_credentials') {
    throw new ClientError('invalid_credentials', 'The user name or the password is wrong.')
  }
  if (status === 429) throw new ClientError('too_many_attempts', 'Too many attempts to log in.', retryAfterMs)
  if (status === 400) {
    throw new ClientError('login_refused', `The auth server does not accept this login: ${errorCode(body)}.`)
  }
  if (status !== 200) throw misconfigured(url, `answered ${status} (${errorCode(body)})`)
  const session = readTokenResponse(body, askedAt, inCookie)
  if (session === null) throw misconfigured(url, 'answered without tokens')
  return session
}
