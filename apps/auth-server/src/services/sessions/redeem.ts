import { setTimeout as sleep } from 'node:timers/promises'
import { type Presented, type RefreshPolicy, type Verdict, decideRefresh, isCode } from '../../rules/decide-refresh.ts'
import { EMPTY_STATE, type Family, type FamilyState, merge } from '../../rules/family.ts'
import type { LoginStore } from '../../stores/family-store.ts'
import { INVALID_GRANT, type Refusal } from '../refusal.ts'
import type { RecordEvent } from '../security-event.ts'
import { type RevokeParts, revoke } from './revoke.ts'

export type CommitParts = { families: Pick<LoginStore, 'advance' | 'advanceOnce'> }

/**
 * Stores the update of a verdict. The store returns the state before it, which may include a concurrent request. The rule then
 * decides again by that state, until its verdict is the one that was stored. This ends because states only grow.
 */
export async function commit(
  parts: CommitParts,
  loaded: Family,
  presented: Presented,
  first: Verdict,
  now: number,
  policy: RefreshPolicy,
) {
  let family = loaded
  let verdict = first
  for (;;) {
    const update = updateFor(verdict, presented, now)
    if (!update) return { family, verdict }
    const stored = { id: family.id, expiresAt: family.expiresAt, state: update }
    const before = isCode(family, presented.generation)
      ? await parts.families.advanceOnce(stored)
      : await parts.families.advance(stored)
    if (!before) return { family, verdict: { kind: 'refuse', reason: 'expired' } satisfies Verdict }
    const again = decideRefresh({ ...family, ...before }, presented, now, policy)
    family = { ...family, ...merge(before, update) }
    if (again.kind === verdict.kind) return { family, verdict: again }
    verdict = again
  }
}

function updateFor(verdict: Verdict, { generation }: Presented, now: number): FamilyState | null {
  if (verdict.kind === 'rotate') return { ...EMPTY_STATE, redeemed: generation, redeemedAt: now }
  if (verdict.kind === 'late_repeat') return { ...EMPTY_STATE, lateRepeated: generation }
  return null
}

type Refused = Extract<Verdict, { kind: 'refuse' | 'reuse' }>

export const isRefusal = (verdict: Verdict): verdict is Refused => verdict.kind === 'refuse' || verdict.kind === 'reuse'

/** The server sees the end of a connection a moment after a request that was sent before it. */
const NOTICED_WITHIN_MS = 20

/** Refuses with the same answer for every reason. If it is reuse, the family is revoked before the answer. */
export async function reject(
  parts: RevokeParts,
  family: Family,
  { generation }: Presented,
  verdict: Refused,
  now: number,
  signal: AbortSignal | undefined,
): Promise<Refusal> {
  const { userId, sid, redeemed } = family
  if (verdict.kind === 'refuse') {
    parts.audit({ type: 'refresh_refused', reason: verdict.reason, userId, sid })
  } else {
    // A client that was cut off retries, and its retry may overtake this request: that is no theft. A client that has hung up
    // gets nothing here, thief or not.
    await sleep(NOTICED_WITHIN_MS)
    signal?.throwIfAborted()
    parts.audit({ type: 'reuse', userId, sid, generation, redeemed })
    await revoke(parts, [family], { at: now, reason: 'reuse' })
  }
  return INVALID_GRANT
}

export function recordAnomaly(
  audit: RecordEvent,
  { userId, sid }: Family,
  { generation }: Presented,
  verdict: Verdict,
): void {
  if (verdict.kind === 'late_repeat') audit({ type: 'late_repeat', userId, sid, generation })
  if (verdict.kind === 'rotate' && verdict.gap > 0)
    audit({ type: 'gap', userId, sid, generation, missing: verdict.gap })
}
