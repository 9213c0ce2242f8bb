import { randomBytes, randomUUID } from 'node:crypto'
import type { Counted } from '../../credentials/attempt-throttle.ts'
import { normalizePassword } from '../../credentials/password-policy.ts'
import { type Family, EMPTY_STATE } from '../../rules/family.ts'
import { narrowScope } from '../../rules/scopes.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account } from '../../stores/accounts.ts'
import type { LoginFacts } from '../../stores/family-store.ts'
import type { Core } from '../core.ts'
import { type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { INVALID_CREDENTIALS, type Refusal, refuse, tooManyAttempts } from '../refusal.ts'
import { revoke } from './revoke.ts'

export interface Credentials {
  username: string
  password: string
  ip: string
  /** Aborted when the client goes away. */
  signal?: AbortSignal
  /** Whom attempts are counted for. Default: the username, so that anybody can use up those of another. */
  countedFor?: Counted
}

/** Proves a password: throttled, and in the same time whether the user exists or not. */
export async function authenticate(
  core: Core,
  { username, password, ip, signal, countedFor }: Credentials,
): Promise<Account | Refusal> {
  await core.hasher.assertRoom(signal)
  const name = usernameKey(username)
  const attempt = await core.throttle.attempt(countedFor ?? { kind: 'login', id: name ?? username }, ip)
  if (attempt.waitSeconds !== null) {
    core.audit({ type: 'login_refused', reason: 'throttled', ip })
    return tooManyAttempts(attempt.waitSeconds)
  }
  let account: Account | null
  let matches: boolean | null
  try {
    account = await core.accounts.byName(username)
    matches = await core.hasher.verify(account?.passwordHash ?? null, normalizePassword(password), signal)
  } catch (error) {
    // A fault is not the client's. A client that went away may come again with another guess.
    if (!signal?.aborted) await attempt.takeBack()
    throw error
  }
  if (!account || !matches || account.disabled) {
    const reason = !account
      ? 'unknown_user'
      : matches === null
        ? 'unreadable_hash'
        : matches
          ? 'disabled'
          : 'wrong_password'
    core.audit({ type: 'login_refused', reason, ip, ...(account && { userId: account.id }) })
    return INVALID_CREDENTIALS
  }
  await attempt.succeeded()
  return account
}

interface LoginRequest extends Credentials {
  clientId?: string | undefined
  scope?: string | undefined
  device: string | null
}

/** Opens a family and hands out its first generation. */
export async function logIn(core: Core, request: LoginRequest): Promise<({ ok: true } & TokenAnswer) | Refusal> {
  const { clientIds, sessionLimits } = core.config
  const clientId = request.clientId ?? clientIds[0]
  if (clientId === undefined || !clientIds.includes(clientId))
    return refuse('invalid_client', 'This client is not known here.')
  core.signer.assertRoom()

  const proven = await authenticate(core, request)
  if ('ok' in proven) return proven

  const keep = core.accounts.keeper()
  let outcome = INVALID_CREDENTIALS as Opened | Refusal
  const limits = { sessions: sessionLimits.sessionsPerUser, logins: sessionLimits.loginsPerUser }
  const origin = { device: request.device, ip: request.ip }
  await core.families.openFor(proven.id, limits, origin, (facts) => {
    outcome = judge(core, request, clientId, proven, facts)
    return outcome.ok ? outcome.family : null
  })
  if (!outcome.ok) return outcome

  const { family, account, now, surplus } = outcome
  core.seeStoreTime(now)
  await Promise.all([keep(account), revoke(core, surplus, { at: now, reason: 'session_limit' })])
  core.audit({ type: 'login', userId: account.id, sid: family.sid, ip: request.ip })
  return { ok: true, ...(await issueTokens(core, family, { scope: family.scope, roles: account.roles }, 1, now)) }
}

type Opened = { ok: true; family: Family } & LoginFacts

/** Whether a proven password opens a session, by the account as it stands now: hashing takes its time, and more in a queue. */
function judge(
  core: Core,
  request: LoginRequest,
  clientId: string,
  proven: Account,
  facts: LoginFacts,
): Opened | Refusal {
  const { account, now, earlierLoginAt } = facts
  const { refreshAbsoluteTtlMs, sessionLimits } = core.config
  const refused = { type: 'login_refused', userId: account.id, ip: request.ip } as const
  if (account.disabled || account.passwordHash !== proven.passwordHash) {
    core.audit({ ...refused, reason: 'changed_meanwhile' })
    return INVALID_CREDENTIALS
  }
  const waitMs = earlierLoginAt === null ? 0 : earlierLoginAt + sessionLimits.windowMs - now
  if (waitMs > 0) {
    core.audit({ ...refused, reason: 'throttled' })
    return tooManyAttempts(Math.ceil(waitMs / 1000))
  }
  const scope = narrowScope(request.scope, account.roles)
  if (scope === '') return refuse('invalid_scope', 'Nothing of the scope that was asked for is granted to this user.')
  const family: Family = {
    id: randomBytes(16).toString('base64url'),
    sid: randomUUID(),
    userId: account.id,
    clientId,
    scope,
    bindingKey: null,
    createdAt: now,
    expiresAt: now + refreshAbsoluteTtlMs,
    ...EMPTY_STATE,
    redeemedAt: now,
  }
  return { ok: true, family, ...facts }
}
