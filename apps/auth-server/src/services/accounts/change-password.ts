import { INVALID_CREDENTIALS, type Refusal } from '../refusal.ts'
import { type AuthenticateParts, type Credentials, authenticate } from '../sessions/authenticate.ts'
import { type SetPasswordParts, setPassword } from './set-password.ts'

interface Change extends Credentials {
  newPassword: string
  /** The session that makes the change. It continues. If it ends meanwhile, nothing is changed. */
  sid: string
}

/** Sets a new password for a user who proves the old one, and ends all other sessions. @throws NotFinished */
export async function changePassword(
  parts: AuthenticateParts & SetPasswordParts,
  { newPassword, sid, ...credentials }: Change,
): Promise<{ ok: true } | Refusal> {
  // Counted per session, so that failed logins by others cannot block this.
  const proven = await authenticate(parts, { ...credentials, countedFor: { kind: 'session', id: sid } })
  if (!proven.ok) return proven
  const set = await setPassword(parts, {
    account: proven.account,
    password: newPassword,
    passwordChangeRequired: false,
    ifStill: { version: proven.account.version, liveSid: sid },
    otherwise: INVALID_CREDENTIALS,
    signal: credentials.signal,
  })
  return set.ok ? { ok: true } : set
}
