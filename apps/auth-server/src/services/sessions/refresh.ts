import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenSigner } from '../../keys/token-signer.ts'
import { type Presented, type RefreshPolicy, type Verdict, decideRefresh, isCode } from '../../rules/decide-refresh.ts'
import { EMPTY_STATE, type Family, type FamilyState, merge } from '../../rules/family.ts'
import type { RefreshTokens } from '../../rules/refresh-token.ts'
import type { RealmSource } from '../../rules/realm.ts'
import { narrowScope } from '../../rules/scopes.ts'
import type { Accounts } from '../../stores/accounts.ts'
import type { LoginStore } from '../../stores/family-store.ts'
import { INVALID_GRANT, type Refusal, refuse } from '../refusal.ts'
import type { RecordEvent } from '../security-event.ts'
import { type IssueParts, type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { type RevokeParts, revoke } from './revoke.ts'

type CommitParts = { families: Pick<LoginStore, 'advance' | 'advanceOnce'>; config: { refreshPolicy: RefreshPolicy } }

export type RefreshParts = CommitParts &
  RevokeParts &
  IssueParts & {
    families: Pick<LoginStore, 'load'>
    accounts: Pick<Accounts, 'status'>
    signer: Pick<TokenSigner, 'assertRoom'>
    refreshTokens: Pick<RefreshTokens, 'parse'>
    realm: RealmSource
    seeStoreTime: (now: number) => void
  }

/**
 * Redeems a refresh token (RFC 6749, section 6). A refusal changes nothing, except that reuse revokes the family. If a store
 * fails before the answer, the client may present the same token again.
 * @param request its `signal` is aborted when the client hangs up.
 */
export async function refresh(
  parts: RefreshParts,
  request: { refreshToken: string; clientId?: string | undefined; signal?: AbortSignal },
): Promise<({ ok: true } & TokenAnswer) | Refusal> {
  const token = parts.refreshTokens.parse(request.refreshToken)
  const found = token && (await parts.families.load(token.family))
  if (!found) return INVALID_GRANT
  const { family, now } = found
  parts.seeStoreTime(now)
  const presented = { generation: token.generation, clientId: request.clientId ?? null, bindingKey: null }

  const first = decideRefresh(family, presented, now, parts.config.refreshPolicy)
  if (isRefusal(first)) return reject(parts, family, presented, first, now, request.signal)

  parts.signer.assertRoom()
  // Both in one round trip to Redis. If the user may not refresh, the stored redemption does no harm: the same token gives
  // the same successor once the user may refresh again.
  const [{ family: updated, verdict }, status] = await Promise.all([
    commit(parts, family, presented, first, now),
    parts.accounts.status(family.userId),
  ])
  if (isRefusal(verdict)) return reject(parts, updated, presented, verdict, now, request.signal)
  if (!status || status.disabled) {
    parts.audit({ type: 'refresh_refused', reason: 'disabled', userId: family.userId, sid: family.sid })
    return INVALID_GRANT
  }
  const scope = narrowScope(status.roles, family.scope, parts.realm.current())
  if (scope === '') return refuse('invalid_scope', 'The roles of this user no longer grant any of the scope.')

  const tokens = await issueTokens(parts, updated, { scope, roles: status.roles }, token.generation + 1, now)
  recordAnomaly(parts.audit, updated, presented, verdict)
  return { ok: true, ...tokens }
}

/**
 * Stores the update of a verdict. The store answers the state before it, which may hold a concurrent request. The rule then
 * decides again by that state, until its verdict is the one that was stored. This ends because states only grow.
 */
async function commit(parts: CommitParts, loaded: Family, presented: Presented, first: Verdict, now: number) {
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
    const again = decideRefresh({ ...family, ...before }, presented, now, parts.config.refreshPolicy)
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

const isRefusal = (verdict: Verdict): verdict is Refused => verdict.kind === 'refuse' || verdict.kind === 'reuse'

/** The server sees the end of a connection a moment after a request that was sent before it. */
const NOTICED_WITHIN_MS = 20

/** Refuses with the same answer for every reason. If it is reuse, the family is revoked before the answer. */
async function reject(
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

function recordAnomaly(audit: RecordEvent, { userId, sid }: Family, { generation }: Presented, verdict: Verdict): void {
  if (verdict.kind === 'late_repeat') audit({ type: 'late_repeat', userId, sid, generation })
  if (verdict.kind === 'rotate' && verdict.gap > 0)
    audit({ type: 'gap', userId, sid, generation, missing: verdict.gap })
}
