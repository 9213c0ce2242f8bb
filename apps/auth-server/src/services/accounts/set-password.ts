import type { Config } from '../../config.ts'
import { StoreUnavailable } from '../../connection/store-unavailable.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { PostgresFault } from '../../postgres/postgres-fault.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account, AccountCondition, Accounts } from '../../stores/accounts.ts'
import { type Refusal, refuse } from '../refusal.ts'
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
  /** Hashing takes a while. If the account or the session is another one by then, nothing is changed. */
  ifStill?: AccountCondition
  /** The answer if nothing was changed. */
  otherwise: Refusal
  signal?: AbortSignal | undefined
}

/** A store failed when the password may already have been changed. */
export class NotFinished extends Error {}

/**
 * Sets a password and ends all sessions but `ifStill.liveSid`. They are ended before the change, so a failure in the middle leaves
 * the old password and no old session, and again after it, for sessions that were opened in between.
 */
export async function setPassword(
  parts: SetPasswordParts,
  { account, password, passwordChangeRequired, ifStill, otherwise, signal }: NewPassword,
): Promise<{ ok: true; account: Account; sessionsEnded: number } | Refusal> {
  const easyToGuess = [usernameKey(account.username) ?? '', 'heirloom']
  const fault = await faultOfPassword(password, parts.config.passwordPolicy, (text) =>
    parts.hasher.guesses(text, easyToGuess, signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)

  const passwordHash = await parts.hasher.hash(normalizePassword(password), signal)
  const endOthers = () => endAllSessions(parts, account.id, 'password_changed', ({ sid }) => sid !== ifStill?.liveSid)
  const before = await endOthers()
  const changed = await finish(
    parts.accounts.change(account.id, { passwordHash, passwordChangeRequired }, ifStill),
    'The password may have been changed. Log in with the new password. If it is refused, nothing was changed.',
    endOthers,
  )
  if (!changed) return otherwise
  parts.audit({ type: 'password_changed', userId: account.id })
  const after = await finish(
    endOthers(),
    'The password was changed. Sessions that were opened a moment ago may still be live. End them with /auth/logout/all.',
  )
  return { ok: true, account: changed, sessionsEnded: before + after }
}

/** Awaits a step. If a store fails, it runs `cleanUp` and @throws NotFinished. */
async function finish<T>(step: Promise<T>, message: string, cleanUp?: () => Promise<unknown>): Promise<T> {
  try {
    return await step
  } catch (cause) {
    if (!(cause instanceof StoreUnavailable || cause instanceof PostgresFault)) throw cause
    await cleanUp?.().catch(() => undefined)
    throw new NotFinished(message, { cause })
  }
}
