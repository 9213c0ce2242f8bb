import type { Config } from '../../config.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { PostgresFault } from '../../postgres/postgres-fault.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Accounts } from '../../stores/accounts.ts'
import { StoreUnavailable } from '../../connection/store-unavailable.ts'
import { INVALID_CREDENTIALS, type Refusal, refuse } from '../refusal.ts'
import { type AuthenticateParts, type Credentials, authenticate } from '../sessions/authenticate.ts'
import { type EndAllParts, endAllSessions } from '../sessions/sessions.ts'

type ChangePasswordParts = AuthenticateParts &
  EndAllParts & {
    config: Pick<Config, 'passwordPolicy'>
    hasher: Pick<PasswordHasher, 'guesses' | 'hash'>
    accounts: Pick<Accounts, 'change'>
  }

interface Change extends Credentials {
  newPassword: string
  /** The session that makes the change. It continues. */
  sid: string
}

/** A store failed when the password may already have been changed. */
export class NotFinished extends Error {}

/**
 * Sets a new password and ends all other sessions. They are ended before the change, so a failure in the middle leaves the old
 * password and no old session, and again after it, for sessions that were opened in between.
 */
export async function changePassword(
  parts: ChangePasswordParts,
  { newPassword, sid, ...credentials }: Change,
): Promise<{ ok: true } | Refusal> {
  // Counted per session, so that failed logins by others cannot block this.
  const proven = await authenticate(parts, { ...credentials, countedFor: { kind: 'session', id: sid } })
  if (!proven.ok) return proven
  const { account } = proven
  const fault = await faultOfPassword(newPassword, parts.config.passwordPolicy, (text) =>
    parts.hasher.guesses(text, [usernameKey(account.username) ?? '', 'heirloom'], credentials.signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)

  const passwordHash = await parts.hasher.hash(normalizePassword(newPassword), credentials.signal)
  const endOthers = () => endAllSessions(parts, account.id, 'password_changed', (session) => session.sid !== sid)
  await endOthers()
  const changed = await finish(
    // Hashing takes a while. If this session was ended meanwhile, its request must not succeed.
    parts.accounts.change(
      account.id,
      { passwordHash, passwordChangeRequired: false },
      { version: account.version, liveSid: sid },
    ),
    'The password may have been changed. Log in with the new password. If it is refused, nothing was changed.',
    endOthers,
  )
  if (!changed) return INVALID_CREDENTIALS
  parts.audit({ type: 'password_changed', userId: account.id })
  await finish(
    endOthers(),
    'The password was changed. Sessions that were opened a moment ago may still be live. End them with /auth/logout/all.',
  )
  return { ok: true }
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
