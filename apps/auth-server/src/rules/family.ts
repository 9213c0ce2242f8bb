/** 16 random bytes as 22 characters of base64url. It appears only in refresh tokens and in the stores. */
export type FamilyId = string

export type RevocationReason =
  | 'logout'
  | 'logout_all'
  | 'session_ended'
  | 'consent_withdrawn'
  | 'session_limit'
  | 'password_changed'
  | 'reuse'
  | 'disabled'
  | 'deleted'
  | 'client_disabled'
  | 'admin'
  | 'restored'

export interface Revocation {
  /** Milliseconds since the epoch. */
  at: number
  reason: RevocationReason
}

/**
 * The values of a family that change. Each one only grows, so two copies can be merged at any time, in any order and any
 * number of times. The stores merge in Lua and in SQL; their contract suite compares them with `merge`.
 */
export interface FamilyState {
  /** The highest generation that was ever redeemed: 0 at login, which hands out generation 1. */
  redeemed: number
  /** When `redeemed` got its value, in milliseconds since the epoch. At first, this is the time of the login. */
  redeemedAt: number
  /** The highest generation that was repeated late, or null. */
  lateRepeated: number | null
  revoked: Revocation | null
}

/** The values of a family that are fixed at login. */
export interface Grant {
  id: FamilyId
  /** The public session id. */
  sid: string
  userId: string
  clientId: string
  /** The scopes granted at login, over all resources, separated by spaces. They never widen, and never shrink. */
  scope: string
  /** The index in the status lists (rules/status-list.ts). No other session ever has it. */
  statusIndex: number
  /**
   * The granted resources by their registered ids, separated by spaces. Null in a session from before there were several:
   * what its client may ask for now.
   */
  resources: string | null
  /** RFC 7638 thumbprint of the key that the session is bound to, or null. */
  bindingKey: string | null
  /** Milliseconds since the epoch. */
  createdAt: number
  /** The absolute end, in milliseconds since the epoch. */
  expiresAt: number
  /**
   * The `sid` of the browser's session at the pages that this one was opened from. Generation 1 of such a family is an
   * authorization code. Null if it was opened by a login, which hands out generation 1 as a refresh token.
   */
  parent: string | null
  /** When the user logged in, in milliseconds since the epoch. Null: at `createdAt`. */
  authTime: number | null
}

/** What a revocation needs to know about a session. */
export type Revocable = Pick<Grant, 'id' | 'sid' | 'userId' | 'expiresAt' | 'statusIndex'>

export interface Family extends Grant, FamilyState {}

/**
 * The least upper bound of two copies. If both have the same generation, the earlier time wins: a retry must not prolong the
 * grace period.
 */
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

/** The least element: merging it changes nothing. An update is written as `{ ...EMPTY_STATE, lateRepeated: 7 }`. */
export const EMPTY_STATE: FamilyState = {
  redeemed: 0,
  redeemedAt: Number.MAX_SAFE_INTEGER,
  lateRepeated: null,
  revoked: null,
}

/** The generation that an authorization code is, in a family that was opened by one. */
export const CODE_GENERATION = 1

/** RFC 6749, section 4.1.2, allows ten minutes. A client redeems its code at once. Milliseconds. */
export const CODE_LIFETIME_MS = 60_000

/** What decides whether a family was ever more than a code. */
type Redeemed = Pick<Family, 'parent' | 'redeemed'>

/** Whether the family was opened by a code that nobody has redeemed. It is no session yet, and may never become one. */
export const isUnredeemedCode = ({ parent, redeemed }: Redeemed): boolean =>
  parent !== null && redeemed < CODE_GENERATION

/** For how long the newest token of a family may go unused. Milliseconds. */
export const idleMsOf = (family: Redeemed, { idleMs }: { idleMs: number }): number =>
  isUnredeemedCode(family) ? Math.min(CODE_LIFETIME_MS, idleMs) : idleMs

/**
 * When a session ends if it is not refreshed again, in milliseconds since the epoch. It is live while `now < endOf(...)`.
 * A session that was revoked, or opened before its client's sessions were ended, ended at 0: clocks that differ must not
 * bring it back to life.
 */
export function endOf(
  family: Redeemed & Pick<Family, 'createdAt' | 'redeemedAt' | 'expiresAt'> & { revoked: unknown },
  policy: { idleMs: number; endedBefore: number },
): number {
  if (family.revoked || family.createdAt < policy.endedBefore) return 0
  return Math.min(family.redeemedAt + idleMsOf(family, policy), family.expiresAt)
}

/** How long the stores keep a family whose code was never redeemed, so that it counts as an opening. Milliseconds. */
export const UNREDEEMED_KEPT_MS = 30 * 60_000

/** Until when a store needs a family, in milliseconds since the epoch. */
export const keptUntil = (family: Family): number =>
  isUnredeemedCode(family) ? Math.min(family.createdAt + UNREDEEMED_KEPT_MS, family.expiresAt) : family.expiresAt
