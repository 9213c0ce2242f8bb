export type ClientErrorCode =
  /** The user name or the password is wrong. */
  | 'invalid_credentials'
  /** Too many attempts to log in; `retryAfterMs` says when to try again. */
  | 'too_many_attempts'
  /** The auth server does not take this login: the client, the scope or a field is not one that it knows. */
  | 'login_refused'
  /** Nobody is logged in. */
  | 'not_logged_in'
  /** The session ended while it was in use: log in again. */
  | 'session_ended'
  /** Another session took the place of the one that the call began with. Nothing was sent under the other one. */
  | 'session_changed'
  /** The auth server could not be asked, or could not decide. Nothing is lost; `retryAfterMs` says when to try again. */
  | 'unavailable'
  /** Something else than the auth server answers at its address, or it refuses this client. Trying again does not help. */
  | 'misconfigured'
  /** The store failed. Nothing is lost: the next call asks for the same tokens again. */
  | 'storage_failed'
  /** The address is not one that may see the access token. */
  | 'address_not_allowed'
  /** The service answered with a redirect, which was not followed. */
  | 'redirected'

/** Never holds a token, a password, or anything else that was sent or stored. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: ClientErrorCode, message: string, retryAfterMs?: number) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** @param what that address does, as in "answered 404". */
export const misconfigured = (url: string, what: string): ClientError =>
  new ClientError('misconfigured', `${url} ${what}. Check \`authServer\`, and what stands between it and this client.`)
