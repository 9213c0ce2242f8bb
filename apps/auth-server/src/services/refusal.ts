/** The codes of refusals: RFC 6749, section 5.2, RFC 6750, section 3.1, and ours where they have none. */
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

/** A service says no. A value, so that whatever had to be stored is stored; a route turns it into a status. */
export interface Refusal {
  ok: false
  error: RefusalCode
  description: string
  retryAfterSeconds?: number
}

export const refuse = (error: RefusalCode, description: string): Refusal => ({ ok: false, error, description })

/** One answer for every reason (RFC 9700, section 4.14.2): why is in the security event. */
export const INVALID_GRANT = refuse('invalid_grant', 'The refresh token is not valid. Log in again.')
/** The same bytes whether the user exists or not. */
export const INVALID_CREDENTIALS = refuse('invalid_credentials', 'The username or the password is wrong.')

export const tooManyAttempts = (retryAfterSeconds: number): Refusal => ({
  ...refuse('too_many_attempts', `Too many attempts. Try again in ${retryAfterSeconds} s.`),
  retryAfterSeconds,
})
