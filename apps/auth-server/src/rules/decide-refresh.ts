import { CODE_GENERATION, type Family, idleMsOf } from './family.ts'

export interface RefreshPolicy {
  /** A session ends when it is not refreshed for this long. Milliseconds. */
  idleMs: number
  /** For this long after its redemption, a token may be presented again without a security event. Milliseconds. */
  graceMs: number
  /** How many generations must lie between two late repeats. Null allows no late repeat. */
  lateRepeatGap: number | null
  /** Sessions that were opened before are over, no matter who asks. Milliseconds since the epoch: 0 ends none, Infinity all. */
  endedBefore: number
}

export interface Presented {
  generation: number
  /** The client that the request names, or null. */
  clientId: string | null
  /** Thumbprint of the key that the request proves possession of, or null. */
  bindingKey: string | null
}

export type RefusalReason = 'revoked' | 'client_disabled' | 'expired' | 'idle' | 'wrong_client' | 'wrong_key'

export type Verdict =
  /** This generation is redeemed for the first time. `gap` counts the generations that the store never saw. */
  | { kind: 'rotate'; gap: number }
  /** The token was redeemed within the grace period: answer the same successor again. */
  | { kind: 'repeat' }
  /** The token was redeemed earlier: answer the same successor again, and record a security event. */
  | { kind: 'late_repeat' }
  /** Refuse, and change nothing. */
  | { kind: 'refuse'; reason: RefusalReason }
  /** An older token was presented: revoke the family. */
  | { kind: 'reuse' }

/** Whether this generation of this family is an authorization code. */
export const isCode = ({ parent }: Pick<Family, 'parent'>, generation: number): boolean =>
  parent !== null && generation === CODE_GENERATION

/**
 * A code may be redeemed once (OAuth 2.1, section 4.1.3). No grace period, not even one of 0: by a clock that is behind, that
 * would still allow a repeat.
 */
const ONCE = { graceMs: Number.NEGATIVE_INFINITY, lateRepeatGap: null }

/**
 * Decides what to do with a genuine refresh token (RFC 9700, section 4.14.2) or authorization code.
 * @param family its state before this presentation.
 * @param now milliseconds since the epoch.
 */
export function decideRefresh(family: Family, presented: Presented, now: number, policy: RefreshPolicy): Verdict {
  const { generation } = presented
  // A generation exists only if the one before it was redeemed, whether or not the store has seen that.
  const redeemed = Math.max(family.redeemed, generation - 1)
  const idleMs = idleMsOf({ parent: family.parent, redeemed }, policy)
  const { graceMs, lateRepeatGap } = isCode(family, generation) ? ONCE : policy
  if (family.revoked) return { kind: 'refuse', reason: 'revoked' }
  if (family.createdAt < policy.endedBefore) return { kind: 'refuse', reason: 'client_disabled' }
  if (now >= family.expiresAt) return { kind: 'refuse', reason: 'expired' }
  if (now >= family.redeemedAt + idleMs) return { kind: 'refuse', reason: 'idle' }
  if (presented.clientId !== null && presented.clientId !== family.clientId)
    return { kind: 'refuse', reason: 'wrong_client' }
  if (family.bindingKey !== null && presented.bindingKey !== family.bindingKey)
    return { kind: 'refuse', reason: 'wrong_key' }

  if (generation > family.redeemed) return { kind: 'rotate', gap: generation - family.redeemed - 1 }
  if (generation < family.redeemed) return { kind: 'reuse' }
  if (now < family.redeemedAt + graceMs) return { kind: 'repeat' }
  return mayRepeatLate(family, generation, lateRepeatGap) ? { kind: 'late_repeat' } : { kind: 'reuse' }
}

function mayRepeatLate({ lateRepeated, bindingKey }: Family, generation: number, gap: number | null): boolean {
  if (gap === null) return false
  if (bindingKey !== null) return true
  return lateRepeated === null || lateRepeated === generation || generation - lateRepeated >= gap
}
