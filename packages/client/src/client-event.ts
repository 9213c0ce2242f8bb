export type ClientEvent =
  | { type: 'logged_in' }
  /** `expiresAt`: when the new access token expires, in milliseconds since 1970. */
  | { type: 'refreshed'; expiresAt: number }
  /** The refresh failed for now. The first use after `retryAfterMs` tries again. */
  | { type: 'refresh_failed'; retryAfterMs: number }
  /** `ended_elsewhere`: another tab has emptied the store. It is noticed at the next use, or through `subscribe` of the store. */
  | { type: 'session_ended'; reason: 'refused' | 'logged_out' | 'ended_elsewhere' }
  /** Another tab has put another session into the store: reload the page. It is noticed in the same way. */
  | { type: 'session_changed' }
