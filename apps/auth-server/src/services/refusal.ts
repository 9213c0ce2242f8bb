/**
 * The codes of refusals: RFC 6749, section 5.2, RFC 6750, section 3.1, and ours if they have none. The comment of each is
 * on the reference page: its meaning, then what a client does.
 */
export type RefusalCode =
  /** A value in the request is not allowed. Client: correct the request; the description names the field. */
  | 'invalid_request'
  /** The client is unknown or disabled, or did not authenticate as it is registered. Under `/oauth2`, the status is 401. Client: correct its configuration. */
  | 'invalid_client'
  /** The client is not registered for this grant type. Client: correct its registration. */
  | 'unauthorized_client'
  /** The server does not support this grant type. Client: use one that the metadata name. */
  | 'unsupported_grant_type'
  /** The access token has no session, so it cannot be revoked. Client: let it expire. */
  | 'unsupported_token_type'
  /** The refresh token is unknown, expired, revoked, or was used before. Client: discard the session and log in again. */
  | 'invalid_grant'
  /** The scope is unknown, or the roles of the user no longer grant any of it. Client: log in with another scope. */
  | 'invalid_scope'
  /** The `resource` is unknown, was not granted, or must be named. Client: name one that the description lists. */
  | 'invalid_target'
  /** The username or the password is wrong, or the account is disabled. Client: ask the user again. */
  | 'invalid_credentials'
  /** The password is right, but the user must choose a new one. Client: ask for it, and send the login again with `new_password`. */
  | 'new_password_required'
  /** Only the operator creates accounts here. Client: do not offer registration. */
  | 'registration_closed'
  /** Another account has this username. Client: ask the user for another one. */
  | 'username_taken'
  /** The request uses the cookie, but does not come from a page at one of the client's origins. Nothing has changed. Client: keep the session; register the origin. */
  | 'origin_not_allowed'
  /** A limit on attempts or logins has been reached. Client: wait the seconds that `Retry-After` says. */
  | 'too_many_attempts'
  /** The account, the session or another row does not exist. Client: read the list again. */
  | 'not_found'
  /** The id already exists, or its state does not allow the call now. Client: read it again, then decide. */
  | 'conflict'
  /** The change concerns administration scopes that the caller lacks. Client: let a caller who has them make it. */
  | 'access_denied'

/** A service refuses. It is a value, so that what must be stored is committed first. A route turns it into a status. */
export interface Refusal {
  ok: false
  error: RefusalCode
  description: string
  retryAfterSeconds?: number
  /** The description in lines, for a terminal. */
  lines?: readonly string[]
}

export const refuse = (error: RefusalCode, description: string): Refusal => ({ ok: false, error, description })

/** The same answer for every reason (RFC 9700, section 4.14.2). The security event has the reason. */
export const INVALID_GRANT = refuse('invalid_grant', 'The refresh token is not valid. Log in again.')
/** The same answer whether the user exists or not. */
export const INVALID_CREDENTIALS = refuse('invalid_credentials', 'The username or the password is wrong.')

export const NO_SUCH_USER = refuse('not_found', 'There is no such user.')

/** The account was changed while the user was authenticated. Only a user with the right password gets this answer. */
export const ACCOUNT_CHANGED = refuse('invalid_credentials', 'The account was changed a moment ago. Log in again.')

export const tooManyAttempts = (retryAfterSeconds: number): Refusal => ({
  ...refuse('too_many_attempts', `Too many attempts. Try again in ${inWords(retryAfterSeconds)}.`),
  retryAfterSeconds,
})

const formatOf = (unit: 'second' | 'minute') =>
  new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' })
const [inSeconds, inMinutes] = [formatOf('second'), formatOf('minute')]

/** `Retry-After` has the seconds. Minutes are easier to read, if there are several. */
const inWords = (seconds: number) =>
  seconds < 120 ? inSeconds.format(seconds) : inMinutes.format(Math.ceil(seconds / 60))
