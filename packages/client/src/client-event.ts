export type ClientEvent =
  | { type: 'logged_in' }
  /** `expiresAt` is that of the new access token, in milliseconds since 1970. */
  | { type: 'refreshed'; expiresAt: number }
  /** It was given up for now, and is tried again at a use after `retryAfterMs`. */
  | { type: 'refresh_failed'; retryAfterMs: number }
  | { type: 'session_ended'; reason: 'refused' | 'logged_out' }
