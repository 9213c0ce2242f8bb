import type { TokenSigner } from '../../keys/token-signer.ts'
import { decideRefresh } from '../../rules/decide-refresh.ts'
import { policyOf } from '../../rules/client-policy.ts'
import { narrowScope } from '../../rules/scopes.ts'
import { targetOfToken } from '../../rules/target.ts'
import type { Accounts } from '../../stores/accounts.ts'
import { INVALID_GRANT, type Refusal, refuse } from '../refusal.ts'
import { type FindParts, type PresentedToken, findFamily, notTaken } from './find-family.ts'
import { type IssueParts, type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { type CommitParts, commit, isRefusal, recordAnomaly, reject } from './redeem.ts'
import type { RevokeParts } from './revoke.ts'

export type RefreshParts = CommitParts &
  FindParts &
  RevokeParts &
  IssueParts & {
    accounts: Pick<Accounts, 'status'>
    signer: Pick<TokenSigner, 'assertRoom'>
    seeStoreTime: (now: number) => void
  }

export interface RefreshRequest extends PresentedToken {
  /** The values of `resource` (RFC 8707). None: the default of the grant. */
  resources?: readonly string[] | undefined
  /** Narrows the scope of this access token. The grant stays as it is. */
  scope?: string | undefined
  /** Aborted when the client hangs up. */
  signal?: AbortSignal
}

/**
 * Redeems a refresh token (RFC 6749, section 6). A refusal changes nothing, except that reuse revokes the family. If a store
 * fails before the answer, the client may present the same token again.
 */
export async function refresh(
  parts: RefreshParts,
  request: RefreshRequest,
): Promise<({ ok: true } & TokenAnswer) | Refusal> {
  const found = await findFamily(parts, request)
  if (!found) return INVALID_GRANT
  const { family, generation, now, realm, client } = found
  parts.seeStoreTime(now)
  if (!client) {
    const reason = realm.clients.has(family.clientId) ? 'wrong_client' : 'client_disabled'
    parts.audit({ type: 'refresh_refused', reason, userId: family.userId, sid: family.sid })
    return notTaken(request, found)
  }
  const presented = { generation, clientId: request.clientId ?? null, bindingKey: null }
  const policy = policyOf(realm, client.id, parts.config)
  const first = decideRefresh(family, presented, now, policy)
  if (first.kind === 'refuse') return reject(parts, family, presented, first, now, request.signal)

  // What is wrong with the request is found before anything is spent.
  const target = targetOfToken({ client, asked: request.resources, issuer: parts.config.issuer }, family.resources)
  if (!target.ok) return refuse('invalid_target', target.description)
  const { resources } = target
  const narrow = (roles: readonly string[] | null) =>
    narrowScope(realm, { client, resources, roles, granted: family.scope, asked: request.scope })
  const known = request.scope === undefined ? null : await parts.accounts.status(family.userId)
  if (narrow(known?.roles ?? null) === null)
    return refuse('invalid_scope', 'None of the requested scope was granted, or it is not for this resource.')
  if (first.kind === 'reuse') return reject(parts, family, presented, first, now, request.signal)

  parts.signer.assertRoom()
  // Both in one round trip to Redis. If the user may not refresh, the stored redemption does no harm: the same token gives
  // the same successor once the user may refresh again.
  const [{ family: updated, verdict }, status] = await Promise.all([
    commit(parts, family, presented, first, now, policy),
    known ?? parts.accounts.status(family.userId),
  ])
  if (isRefusal(verdict)) return reject(parts, updated, presented, verdict, now, request.signal)
  if (!status || status.disabled) {
    parts.audit({ type: 'refresh_refused', reason: 'disabled', userId: family.userId, sid: family.sid })
    return INVALID_GRANT
  }
  const scope = narrow(status.roles)
  if (scope === null) return refuse('invalid_scope', 'The roles of this user no longer grant any of the scope.')

  const tokens = await issueTokens(
    parts,
    updated,
    { realm, client, resources, scope, account: status },
    generation + 1,
    now,
  )
  recordAnomaly(parts.audit, updated, presented, verdict)
  return { ok: true, ...tokens }
}
