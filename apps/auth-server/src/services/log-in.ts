import { randomBytes, randomUUID } from 'node:crypto'
import type { Counted } from '../passwords/attempt-throttle.ts'
import { normalizePassword } from '../passwords/password-policy.ts'
import { type Family, NO_MARKS } from '../rules/family.ts'
import { narrowScope } from '../rules/scopes.ts'
import { usernameKey } from '../rules/username.ts'
import type { Account } from '../stores/accounts.ts'
import type { Core } from './core.ts'
import { type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { INVALID_CREDENTIALS, type Refusal, refuse, tooManyAttempts } from './refusal.ts'
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
    core.record({ type: 'login_refused', reason: 'throttled', ip })
    return tooManyAttempts(attempt.waitSeconds)
  }
  let account: Account | null
  let matches: boolean
  try {
    account = name === null ? null : await core.accounts.byName(name)
    matches = await core.hasher.verify(account?.passwordHash ?? null, normalizePassword(password), signal)
  } catch (error) {
    // A fault is not the client's. A client that went away may come again with another guess.
    if (!signal?.aborted) await attempt.takeBack()
    throw error
  }
  if (!account || !matches || account.disabled) {
    const reason = !account ? 'unknown_user' : matches ? 'disabled' : 'wrong_password'
    core.record({ type: 'login_refused', reason, ip, ...(account && { userId: account.id }) })
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
  const { clientIds, refreshAbsoluteTtlMs } = core.config
  const clientId = request.clientId ?? clientIds[0]
  if (clientId === undefined || !clientIds.includes(clientId))
    return refuse('invalid_client', 'This client is not known here.')
  core.signer.assertRoom()

  const account = await authenticate(core, request)
  if ('ok' in account) return account
  const scope = narrowScope(request.scope, account.roles)
  if (scope === '') return refuse('invalid_scope', 'Nothing of the scope that was asked for is granted to this user.')

  const now = await core.accounts.now()
  core.seeStoreTime(now)
  const family: Family = {
    id: randomBytes(16).toString('base64url'),
    sid: randomUUID(),
    userId: account.id,
    clientId,
    scope,
    bindingKey: null,
    createdAt: now,
    expiresAt: now + refreshAbsoluteTtlMs,
    ...NO_MARKS,
    redeemedAt: now,
  }
  await core.families.open(family, { device: request.device, ip: request.ip })

  // The password may have been changed, or the account disabled, since it was read: whoever did that ended the sessions
  // that were there, and this one is newer. From here on, they see it.
  const still = await core.accounts.current(account.id)
  if (!still || still.disabled || still.passwordHash !== account.passwordHash) {
    await revoke(core, [family], { at: now, reason: 'password_changed' })
    core.record({ type: 'login_refused', reason: 'changed_meanwhile', userId: account.id, ip: request.ip })
    return INVALID_CREDENTIALS
  }
  core.record({ type: 'login', userId: account.id, sid: family.sid, ip: request.ip })
  return { ok: true, ...(await issueTokens(core, family, { scope, roles: account.roles }, 1, now)) }
}
