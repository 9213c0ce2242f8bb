import { faultOfPassword, normalizePassword } from '../passwords/password-policy.ts'
import { usernameKey } from '../rules/username.ts'
import type { Core } from './core.ts'
import { type Credentials, authenticate } from './log-in.ts'
import { INVALID_CREDENTIALS, type Refusal, refuse } from './refusal.ts'
import { endAllSessions } from './sessions.ts'

interface Change extends Credentials {
  newPassword: string
  /** The session that asks, and that goes on. */
  sid: string
}

/**
 * Sets a new password and ends all other sessions: once before, so that a failure in the middle leaves the old password
 * and no old session, and once after, for those that were opened in between.
 */
export async function changePassword(
  core: Core,
  { newPassword, sid, ...credentials }: Change,
): Promise<{ ok: true } | Refusal> {
  // A guesser of logins does not keep whoever is logged in from it. No username has a space.
  const account = await authenticate(core, { ...credentials, countedFor: `session ${sid}` })
  if ('ok' in account) return account
  const fault = await faultOfPassword(newPassword, core.config.passwordPolicy, (text) =>
    core.hasher.guesses(text, [usernameKey(account.username) ?? '', 'heirloom'], credentials.signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)

  const passwordHash = await core.hasher.hash(normalizePassword(newPassword), credentials.signal)
  await endAllSessions(core, account.id, 'password_changed', sid)
  try {
    if (!(await core.accounts.change(account.id, { passwordHash }, account.version))) return INVALID_CREDENTIALS
  } finally {
    await endAllSessions(core, account.id, 'password_changed', sid)
  }
  core.record({ type: 'password_changed', userId: account.id })
  return { ok: true }
}
