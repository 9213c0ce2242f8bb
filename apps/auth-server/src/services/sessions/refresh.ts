import { setTimeout as sleep } from 'node:timers/promises'
import { type Presented, type Verdict, decideRefresh } from '../../rules/decide-refresh.ts'
import { type Family, type FamilyState, EMPTY_STATE, merge } from '../../rules/family.ts'
import { narrowScope } from '../../rules/scopes.ts'
import type { Core } from '../core.ts'
import { type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { INVALID_GRANT, type Refusal, refuse } from '../refusal.ts'
import { revoke } from './revoke.ts'

/**
 * Redeems a refresh token (RFC 6749, section 6). What the rule refuses changes nothing, and what a fault keeps from its
 * answer may be asked again with the same token.
 * @param request its `signal` is aborted when the client goes away.
 */
export async function refresh(
  core: Core,
  request: { refreshToken: string; clientId?: string | undefined; signal?: AbortSignal },
): Promise<({ ok: true } & TokenAnswer) | Refusal> {
  const token = core.refreshTokens.parse(request.refreshToken)
  const found = token && (await core.families.load(token.family))
  if (!found) return INVALID_GRANT
  const { family, now } = found
  core.seeStoreTime(now)
  const presented = { generation: token.generation, clientId: request.clientId ?? null, bindingKey: null }

  const first = decideRefresh(family, presented, now, core.config.refreshPolicy)
  if (isRefusal(first)) return reject(core, family, presented, first, now, request.signal)

  core.signer.assertRoom()
  // In one round trip to Redis. Where the user may not refresh now, the mark does no harm: the same token gives the same
  // successor when the user may again.
  const [{ family: grown, verdict }, standing] = await Promise.all([
    commit(core, family, presented, first, now),
    core.accounts.status(family.userId),
  ])
  if (isRefusal(verdict)) return reject(core, grown, presented, verdict, now, request.signal)
  if (!standing || standing.disabled) {
    core.audit({ type: 'refresh_refused', reason: 'disabled', userId: family.userId, sid: family.sid })
    return INVALID_GRANT
  }
  const scope = narrowScope(family.scope, standing.roles)
  if (scope === '') return refuse('invalid_scope', 'The roles of this user grant nothing of the scope any more.')

  const tokens = await issueTokens(core, grown, { scope, roles: standing.roles }, token.generation + 1, now)
  recordAnomaly(core, grown, presented, verdict)
  return { ok: true, ...tokens }
}

/**
 * Stores what a verdict makes grow. A request that came in between is seen in the marks before that; the rule is then
 * asked again, until it says the same as what was stored. Marks only grow, so this ends.
 */
async function commit(core: Core, loaded: Family, presented: Presented, first: Verdict, now: number) {
  let family = loaded
  let verdict = first
  for (;;) {
    const growth = updateFor(verdict, presented, now)
    if (!growth) return { family, verdict }
    const before = await core.families.advance({ id: family.id, expiresAt: family.expiresAt, state: growth })
    if (!before) return { family, verdict: { kind: 'refuse', reason: 'expired' } satisfies Verdict }
    const again = decideRefresh({ ...family, ...before }, presented, now, core.config.refreshPolicy)
    family = { ...family, ...merge(before, growth) }
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

/** The end of a connection is seen a moment after a request that came before it. */
const NOTICED_WITHIN_MS = 20

/** One answer for every reason. Reuse ends the family before it is answered. */
async function reject(
  core: Core,
  family: Family,
  { generation }: Presented,
  verdict: Refused,
  now: number,
  signal: AbortSignal | undefined,
): Promise<Refusal> {
  const { userId, sid, redeemed } = family
  if (verdict.kind === 'refuse') {
    core.audit({ type: 'refresh_refused', reason: verdict.reason, userId, sid })
  } else {
    // A client that was cut off asks elsewhere and goes on, and may overtake its first request: that is no theft. Whoever
    // is gone gets nothing here, thief or not.
    await sleep(NOTICED_WITHIN_MS)
    signal?.throwIfAborted()
    core.audit({ type: 'reuse', userId, sid, generation, redeemed })
    await revoke(core, [family], { at: now, reason: 'reuse' })
  }
  return INVALID_GRANT
}

function recordAnomaly(core: Core, { userId, sid }: Family, { generation }: Presented, verdict: Verdict): void {
  if (verdict.kind === 'late_repeat') core.audit({ type: 'late_repeat', userId, sid, generation })
  if (verdict.kind === 'rotate' && verdict.gap > 0)
    core.audit({ type: 'gap', userId, sid, generation, missing: verdict.gap })
}
