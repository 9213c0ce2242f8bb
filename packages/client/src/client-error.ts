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
  /** The auth server could not be asked, or could not decide. Nothing is lost; `retryAfterMs` says when to try again. */
  | 'unavailable'
  /** The store failed. Nothing is lost: the next call asks for the same tokens again. */
  | 'storage_failed'
  /** The address is not one that may see the access token. */
  | 'address_not_allowed'

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
