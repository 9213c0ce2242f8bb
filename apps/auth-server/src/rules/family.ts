/** 16 random bytes as 22 characters of base64url. Appears in refresh tokens and in the stores, nowhere else. */
export type FamilyId = string

export type RevocationReason =
  | 'logout'
  | 'logout_all'
  | 'session_ended'
  | 'session_limit'
  | 'password_changed'
  | 'reuse'
  | 'disabled'
  | 'admin'
  | 'restored'

export interface Revocation {
  /** Milliseconds since the epoch. */
  at: number
  reason: RevocationReason
}

/**
 * The values of a family that change. Each only grows, so that two copies are merged by `max` and `or`: at any time, in
 * any order, any number of times. The stores do the same in Lua and in SQL; their contract suite compares them with `merge`.
 */
export interface FamilyState {
  /** The highest generation ever redeemed. 0 at login; the token handed out there is generation 1. */
  redeemed: number
  /** When `redeemed` got its value, in milliseconds: the time of the login at first. */
  redeemedAt: number
  /** The newest generation that was repeated late, or null. */
  lateRepeated: number | null
  revoked: Revocation | null
}

/** What is fixed at login. */
export interface Grant {
  id: FamilyId
  /** The public session id. */
  sid: string
  userId: string
  clientId: string
  /** Granted at login, separated by spaces. Never widens. */
  scope: string
  /** RFC 7638 thumbprint of the key that the session is bound to, or null. */
  bindingKey: string | null
  /** Milliseconds since the epoch, both. */
  createdAt: number
  expiresAt: number
}

/** What a revocation needs to know of a session. */
export type Revocable = Pick<Grant, 'id' | 'sid' | 'userId' | 'expiresAt'>

export interface Family extends Grant, FamilyState {}

/** The least upper bound of two copies. Of one generation, the earlier time stands: a retry must not stretch its grace. */
export function merge(a: FamilyState, b: FamilyState): FamilyState {
  return {
    redeemed: Math.max(a.redeemed, b.redeemed),
    redeemedAt:
      a.redeemed === b.redeemed ? Math.min(a.redeemedAt, b.redeemedAt) : (a.redeemed > b.redeemed ? a : b).redeemedAt,
    lateRepeated: a.lateRepeated === null ? b.lateRepeated : Math.max(a.lateRepeated, b.lateRepeated ?? 0),
    revoked: earlier(a.revoked, b.revoked),
  }
}

function earlier(a: Revocation | null, b: Revocation | null): Revocation | null {
  if (!a || !b) return a ?? b
  if (a.at !== b.at) return a.at < b.at ? a : b
  return a.reason <= b.reason ? a : b
}

/** The least element: merging it changes nothing. Growth is written as `{ ...NO_MARKS, lateRepeated: 7 }`. */
export const EMPTY_STATE: FamilyState = {
  redeemed: 0,
  redeemedAt: Number.MAX_SAFE_INTEGER,
  lateRepeated: null,
  revoked: null,
}
