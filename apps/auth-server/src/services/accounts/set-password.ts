import type { Config } from '../../config.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account, Accounts } from '../../stores/accounts.ts'
import { ACCOUNT_CHANGED, NO_SUCH_USER, type Refusal, refuse } from '../refusal.ts'
import { type EndAllParts, endAllSessions } from '../sessions/sessions.ts'

export type SetPasswordParts = EndAllParts & {
  config: Pick<Config, 'passwordPolicy'>
  hasher: Pick<PasswordHasher, 'guesses' | 'hash'>
  accounts: Pick<Accounts, 'change'>
}

interface NewPassword {
  account: Account
  password: string
  /** Whether the user must choose another one at the next login. */
  passwordChangeRequired: boolean
  /** The user has proven the old one, by `account` as it is. If the account was changed meanwhile, this changes nothing. */
  isProven?: boolean
  signal?: AbortSignal
}

/**
 * Sets a password, and ends all sessions: before the change, so that a failure in
 * the middle leaves the old password and no session, and again after it, for those that were opened in between. It may be
 * repeated.
 */
export async function setPassword(
  parts: SetPasswordParts,
  { account, password, passwordChangeRequired, isProven = false, signal }: NewPassword,
): Promise<{ ok: true; account: Account; sessionsEnded: number } | Refusal> {
  const names = [usernameKey(account.username) ?? '', 'heirloom']
  const fault = await faultOfPassword(password, parts.config.passwordPolicy, (text) =>
    parts.hasher.guesses(text, names, signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)
  const passwordHash = await parts.hasher.hash(normalizePassword(password), signal)
  const before = await endAllSessions(parts, account.id, 'password_changed')
  const ifStill = isProven ? { version: account.version } : undefined
  const changed = await parts.accounts.change(account.id, { passwordHash, passwordChangeRequired }, ifStill)
  if (!changed) return isProven ? ACCOUNT_CHANGED : NO_SUCH_USER
  parts.audit({ type: 'password_changed', userId: account.id })
  const after = await endAllSessions(parts, account.id, 'password_changed')
  return { ok: true, account: changed, sessionsEnded: before + after }
}
