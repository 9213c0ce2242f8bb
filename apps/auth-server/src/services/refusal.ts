/** The error codes of refusals: from RFC 6749, section 5.2, and RFC 6750, section 3.1, or our own if these have none. */
export type RefusalCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_credentials'
  | 'registration_closed'
  | 'username_taken'
  | 'too_many_attempts'
  | 'not_found'

/** A service refuses. It is a value, so that what must be stored is committed first. A route turns it into a status. */
export interface Refusal {
  ok: false
  error: RefusalCode
  description: string
  retryAfterSeconds?: number
}

export const refuse = (error: RefusalCode, description: string): Refusal => ({ ok: false, error, description })

/** The same answer for every reason (RFC 9700, section 4.14.2). The security event has the reason. */
export const INVALID_GRANT = refuse('invalid_grant', 'The refresh token is not valid. Log in again.')
/** The same answer whether the user exists or not. */
export const INVALID_CREDENTIALS = refuse('invalid_credentials', 'The username or the password is wrong.')

/** The account was changed while the user was authenticated. Only those who did authenticate get it. */
export const ACCOUNT_CHANGED = refuse('invalid_credentials', 'The account was changed a moment ago. Log in again.')

export const tooManyAttempts = (retryAfterSeconds: number): Refusal => ({
  ...refuse('too_many_attempts', `Too many attempts. Try again in ${retryAfterSeconds} seconds.`),
  retryAfterSeconds,
})
