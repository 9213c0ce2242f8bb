export type ClientErrorCode =
  /** The user name or the password is wrong. */
  | 'invalid_credentials'
  /** Too many attempts to log in; `retryAfterMs` says when to try again. */
  | 'too_many_attempts'
  /** The auth server does not accept the client, the scope or a field of this login. */
  | 'login_refused'
  /** There is no session. */
  | 'not_logged_in'
  /** The session has ended: log in again. */
  | 'session_ended'
  /** Another session replaced the one that the call began with. Nothing was sent under the other one. */
  | 'session_changed'
  /** The auth server is unreachable or cannot decide. The session stays; `retryAfterMs` says when to try again. */
  | 'unavailable'
  /** Something else answers at the auth server's address, or it refuses this client. A retry does not help. */
  | 'misconfigured'
  /** The store failed. No token is lost: the next call requests the same tokens again. */
  | 'storage_failed'
  /** The address is not among the `resources`. */
  | 'address_not_allowed'
  /** The service answered with a redirect, which the client does not follow. */
  | 'redirected'

/** It never contains a token, a password, or anything else that was sent or stored. */
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

/** @param what a phrase that follows the address, such as "answered 404". */
export const misconfigured = (url: string, what: string): ClientError =>
  new ClientError('misconfigured', `${url} ${what}. Check \`authServer\` and any proxy.`)
