export type ClientEvent =
  | { type: 'logged_in' }
  /** `expiresAt` is that of the new access token, in milliseconds since 1970. */
  | { type: 'refreshed'; expiresAt: number }
  /** It was given up for now, and is tried again at a use after `retryAfterMs`. */
  | { type: 'refresh_failed'; retryAfterMs: number }
  /** `ended_elsewhere`: the store is empty, by the hand of another tab. It is heard at the next use, or when the store tells. */
  | { type: 'session_ended'; reason: 'refused' | 'logged_out' | 'ended_elsewhere' }
  /** The store holds another session, by the hand of another tab. Reload the page. It is heard likewise. */
  | { type: 'session_changed' }
