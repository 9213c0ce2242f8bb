import type { Config } from '../../config.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account, Accounts } from '../../stores/accounts.ts'
import { NO_SUCH_USER, type Refusal, refuse } from '../refusal.ts'
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
  signal?: AbortSignal
}

/**
 * Sets a password for a user who need not know the old one, and ends all sessions: before the change, so that a failure in
 * the middle leaves the old password and no session, and again after it, for those that were opened in between. It may be
 * repeated.
 */
export async function setPassword(
  parts: SetPasswordParts,
  { account, password, passwordChangeRequired, signal }: NewPassword,
): Promise<{ ok: true; account: Account; sessionsEnded: number } | Refusal> {
  const names = [usernameKey(account.username) ?? '', 'heirloom']
  const fault = await faultOfPassword(password, parts.config.passwordPolicy, (text) =>
    parts.hasher.guesses(text, names, signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)
  const passwordHash = await parts.hasher.hash(normalizePassword(password), signal)
  const before = await endAllSessions(parts, account.id, 'password_changed')
  const changed = await parts.accounts.change(account.id, { passwordHash, passwordChangeRequired })
  if (!changed) return NO_SUCH_USER
  parts.audit({ type: 'password_changed', userId: account.id })
  const after = await endAllSessions(parts, account.id, 'password_changed')
  return { ok: true, account: changed, sessionsEnded: before + after }
}
