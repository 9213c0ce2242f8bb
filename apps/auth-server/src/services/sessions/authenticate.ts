import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../../config.ts'
import { StoreUnavailable } from '../../connection/store-unavailable.ts'
import type { AttemptThrottle, Counted } from '../../credentials/attempt-throttle.ts'
import { HasherBusy, type PasswordHasher } from '../../credentials/password-hasher.ts'
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
  config: Pick<Config, 'refusedLoginStepMs'>
  accounts: Pick<Accounts, 'byName' | 'replaceHash'>
  hasher: Pick<PasswordHasher, 'assertRoom' | 'verify' | 'isCurrent' | 'hash'>
  throttle: Pick<AttemptThrottle, 'attempt'>
  audit: RecordEvent
}

/**
 * Checks a password. Attempts are throttled. A refusal is answered at a whole step after the attempt began: its time does not
 * tell whether the user exists, nor which kind of hash was compared.
 * @throws HasherBusy
 */
export async function authenticate(
  parts: AuthenticateParts,
  { username, password, ip, signal, countedFor }: Credentials,
): Promise<{ ok: true; account: Account } | Refusal> {
  const { config, accounts, hasher, throttle, audit } = parts
  await hasher.assertRoom(signal)
  const beganAt = performance.now()
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
    matches = await hasher.verify(account?.passwordHash ?? null, password, signal)
  } catch (error) {
    // The client is not to blame for an error. But a client that hangs up has used an attempt: it may be guessing.
    if (!signal?.aborted) await attempt.takeBack()
    throw error
  }
  if (!account || !matches || account.disabled) {
    audit({ type: 'login_refused', reason: reasonFor(account, matches), ip, ...(account && { userId: account.id }) })
    await waitForStep(config.refusedLoginStepMs, beganAt, signal)
    return INVALID_CREDENTIALS
  }
  await attempt.succeeded()
  await replaceHash(parts, account, password, signal)
  return { ok: true, account }
}

/** @param stepMs 0 for no wait. */
async function waitForStep(stepMs: number, beganAt: number, signal?: AbortSignal): Promise<void> {
  if (stepMs === 0) return
  const elapsed = performance.now() - beganAt
  const wait = Math.ceil(elapsed / stepMs) * stepMs - elapsed
  await sleep(wait, undefined, { ...(signal && { signal }), ref: false })
}

/** Puts a hash of ours in the place of an imported one. If that fails, the next login tries again. */
async function replaceHash(
  { accounts, hasher }: AuthenticateParts,
  account: Account,
  password: string,
  signal?: AbortSignal,
): Promise<void> {
  if (account.passwordHash === null || hasher.isCurrent(account.passwordHash)) return
  try {
    await accounts.replaceHash(account, await hasher.hash(normalizePassword(password), signal))
  } catch (error) {
    if (!(error instanceof HasherBusy || error instanceof StoreUnavailable)) throw error
  }
}

/** @param matches null if the stored hash cannot be read. */
function reasonFor(account: Account | null, matches: boolean | null) {
  if (!account) return 'unknown_user'
  if (matches === null) return 'unreadable_hash'
  return matches ? 'disabled' : 'wrong_password'
}
