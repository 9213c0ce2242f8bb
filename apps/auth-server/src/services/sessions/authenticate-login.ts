import { type SetPasswordParts, setPassword } from '../accounts/set-password.ts'
import type { Account } from '../../stores/accounts.ts'
import { ACCOUNT_CHANGED, type Refusal, refuse } from '../refusal.ts'
import { type AuthenticateParts, type Credentials, authenticate } from './authenticate.ts'

export type AuthenticateLoginParts = AuthenticateParts & SetPasswordParts

export interface LoginCredentials extends Credentials {
  /** The user wants this password from now on. */
  newPassword?: string | undefined
}

const NEW_PASSWORD_REQUIRED = refuse(
  'new_password_required',
  'The password is right, but a new one is required: send the login again with new_password.',
)

/**
 * Authenticates a user who logs in. A new password is set once the old one is proven, and ends all other sessions, as at
 * /auth/password. If the account requires one, there is no login without it.
 */
export async function authenticateLogin(
  parts: AuthenticateLoginParts,
  { newPassword, ...credentials }: LoginCredentials,
): Promise<{ ok: true; account: Account } | Refusal> {
  const proven = await authenticate(parts, credentials)
  if (!proven.ok) return proven
  const { account } = proven
  if (newPassword === undefined) {
    if (!account.passwordChangeRequired) return proven
    parts.audit({ type: 'login_refused', reason: 'new_password_required', userId: account.id, ip: credentials.ip })
    return NEW_PASSWORD_REQUIRED
  }
  if (newPassword === credentials.password)
    return refuse('invalid_request', 'The new password must differ from the current one.')
  return setPassword(parts, {
    account,
    password: newPassword,
    passwordChangeRequired: false,
    ifStill: { version: account.version },
    otherwise: ACCOUNT_CHANGED,
    signal: credentials.signal,
  })
}
