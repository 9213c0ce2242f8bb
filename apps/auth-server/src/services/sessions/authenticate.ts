import type { AttemptThrottle, Counted } from '../../credentials/attempt-throttle.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account, Accounts } from '../../stores/accounts.ts'
import { INVALID_CREDENTIALS, type Refusal, tooManyAttempts } from '../refusal.ts'
import type { RecordEvent } from '../security-event.ts'

export interface Credentials {
  username: string
  password: string
  ip: string
  /** Aborted when the client hangs up. */
  signal?: AbortSignal
  /** What the attempts are counted by. Default: the username, so anyone can use up the attempts of another user. */
  countedFor?: Counted
}

export interface AuthenticateParts {
  accounts: Pick<Accounts, 'byName'>
  hasher: Pick<PasswordHasher, 'assertRoom' | 'verify'>
  throttle: Pick<AttemptThrottle, 'attempt'>
  audit: RecordEvent
}

/**
 * Checks a password. Attempts are throttled, and the check takes the same time whether the user exists or not.
 * @throws HasherBusy
 */
export async function authenticate(
  { accounts, hasher, throttle, audit }: AuthenticateParts,
  { username, password, ip, signal, countedFor }: Credentials,
): Promise<{ ok: true; account: Account } | Refusal> {
  await hasher.assertRoom(signal)
  const name = usernameKey(username)
  const attempt = await throttle.attempt(countedFor ?? { kind: 'login', id: name ?? username }, ip)
  if (attempt.waitSeconds !== null) {
    audit({ type: 'login_refused', reason: 'throttled', ip })
    return tooManyAttempts(attempt.waitSeconds)
  }
  let account: Account | null
  let matches: boolean | null
  try {
    account = await accounts.byName(username)
    matches = await hasher.verify(account?.passwordHash ?? null, normalizePassword(password), signal)
  } catch (error) {
    // The client is not to blame for an error. But a client that hangs up has used an attempt: it may be guessing.
    if (!signal?.aborted) await attempt.takeBack()
    throw error
  }
  if (!account || !matches || account.disabled) {
    audit({ type: 'login_refused', reason: reasonFor(account, matches), ip, ...(account && { userId: account.id }) })
    return INVALID_CREDENTIALS
  }
  await attempt.succeeded()
  return { ok: true, account }
}

/** @param matches null if the stored hash cannot be read. */
function reasonFor(account: Account | null, matches: boolean | null) {
  if (!account) return 'unknown_user'
  if (matches === null) return 'unreadable_hash'
  return matches ? 'disabled' : 'wrong_password'
}
