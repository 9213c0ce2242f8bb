import type { Family } from './family.ts'

export interface RefreshPolicy {
  /** A session that is not refreshed for this long ends. Milliseconds. */
  idleMs: number
  /** How long after its redemption a token may be presented again with no trace. Milliseconds. */
  graceMs: number
  /** How many generations must lie between two late repeats; null: no late repeat at all. */
  lateRepeatGap: number | null
}

export interface Presented {
  generation: number
  /** As named in the request, or null. */
  clientId: string | null
  /** Thumbprint of the key whose possession the request proves, or null. */
  bindingKey: string | null
}

export type RefusalReason = 'revoked' | 'expired' | 'idle' | 'wrong_client' | 'wrong_key'

export type Verdict =
  /** The first redemption of this generation. `gap` counts the generations that the store never saw. */
  | { kind: 'rotate'; gap: number }
  /** The same answer again, within the grace period. */
  | { kind: 'repeat' }
  /** The same answer again, later: allowed, and worth a security event. */
  | { kind: 'late_repeat' }
  /** Nothing changes. */
  | { kind: 'refuse'; reason: RefusalReason }
  /** The family is to be revoked. */
  | { kind: 'reuse' }

/** Judges a refresh token that verified, by the state of its family before this presentation. `now` in milliseconds. */
export function decideRefresh(family: Family, presented: Presented, now: number, policy: RefreshPolicy): Verdict {
  if (family.revoked) return { kind: 'refuse', reason: 'revoked' }
  if (now >= family.expiresAt) return { kind: 'refuse', reason: 'expired' }
  if (now >= family.redeemedAt + policy.idleMs) return { kind: 'refuse', reason: 'idle' }
  if (presented.clientId !== null && presented.clientId !== family.clientId)
    return { kind: 'refuse', reason: 'wrong_client' }
  if (family.bindingKey !== null && presented.bindingKey !== family.bindingKey)
    return { kind: 'refuse', reason: 'wrong_key' }

  const { generation } = presented
  if (generation > family.redeemed) return { kind: 'rotate', gap: generation - family.redeemed - 1 }
  if (generation < family.redeemed) return { kind: 'reuse' }
  if (now < family.redeemedAt + policy.graceMs) return { kind: 'repeat' }
  return mayRepeatLate(family, generation, policy.lateRepeatGap) ? { kind: 'late_repeat' } : { kind: 'reuse' }
}

function mayRepeatLate({ lateRepeated, bindingKey }: Family, generation: number, gap: number | null): boolean {
  if (gap === null) return false
  if (bindingKey !== null) return true
  return lateRepeated === null || lateRepeated === generation || generation - lateRepeated >= gap
}

/** When the token that a verdict hands out stops working if nobody uses it. Milliseconds since the epoch. */
export function successorEndsAt(redeemedAt: number, expiresAt: number, policy: RefreshPolicy): number {
  return Math.min(redeemedAt + policy.idleMs, expiresAt)
}
