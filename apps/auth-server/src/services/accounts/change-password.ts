import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Core } from '../core.ts'
import { type Credentials, authenticate } from '../sessions/log-in.ts'
import { INVALID_CREDENTIALS, type Refusal, refuse } from '../refusal.ts'
import { PostgresFault } from '../../postgres/postgres-fault.ts'
import { StoreUnavailable } from '../../connection/store-unavailable.ts'
import { endAllSessions } from '../sessions/sessions.ts'

interface Change extends Credentials {
  newPassword: string
  /** The session that asks, and that goes on. */
  sid: string
}

/** A store failed when it was too late to say that nothing had happened. */
export class NotFinished extends Error {}

/**
 * Sets a new password and ends all other sessions: once before, so that a failure in the middle leaves the old password
 * and no old session, and once after, for those that were opened in between.
 */
export async function changePassword(
  core: Core,
  { newPassword, sid, ...credentials }: Change,
): Promise<{ ok: true } | Refusal> {
  // A guesser of logins does not keep the user of this session from it.
  const account = await authenticate(core, { ...credentials, countedFor: { kind: 'session', id: sid } })
  if ('ok' in account) return account
  const fault = await faultOfPassword(newPassword, core.config.passwordPolicy, (text) =>
    core.hasher.guesses(text, [usernameKey(account.username) ?? '', 'heirloom'], credentials.signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)

  const passwordHash = await core.hasher.hash(normalizePassword(newPassword), credentials.signal)
  const endOthers = () => endAllSessions(core, account.id, 'password_changed', sid)
  await endOthers()
  const changed = await finish(
    // Hashing takes its time: whoever ended this session meanwhile did not mean its request to go on.
    core.accounts.change(account.id, { passwordHash }, { version: account.version, liveSid: sid }),
    'The password may have been changed. Log in with the new one; if that is refused, nothing was changed.',
    endOthers,
  )
  if (!changed) return INVALID_CREDENTIALS
  core.audit({ type: 'password_changed', userId: account.id })
  await finish(
    endOthers(),
    'The password was changed. Sessions that were opened a moment ago may go on: end them with /auth/logout/all.',
  )
  return { ok: true }
}

/** @throws NotFinished if a store fails, once `otherwise` was tried. */
async function finish<T>(step: Promise<T>, message: string, otherwise?: () => Promise<unknown>): Promise<T> {
  try {
    return await step
  } catch (cause) {
    if (!(cause instanceof StoreUnavailable || cause instanceof PostgresFault)) throw cause
    await otherwise?.().catch(() => undefined)
    throw new NotFinished(message, { cause })
  }
}
