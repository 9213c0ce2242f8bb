import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account } from '../../stores/accounts.ts'
import type { Core } from '../core.ts'
import { type Refusal, refuse } from '../refusal.ts'

interface NewUser {
  username: string
  password: string
  roles: string[]
  signal?: AbortSignal
}

export async function register(
  core: Core,
  { username, password, roles, signal }: NewUser,
): Promise<{ ok: true; account: Account } | Refusal> {
  const key = usernameKey(username)
  if (key === null) {
    return refuse('invalid_request', 'A username has 1 to 64 letters, digits or the signs . _ @ + - and no spaces.')
  }
  const fault = await faultOfPassword(password, core.config.passwordPolicy, (text) =>
    core.hasher.guesses(text, [key, 'heirloom'], signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)

  const taken = refuse('username_taken', 'This username is taken.')
  if (await core.accounts.byName(username)) return taken
  const passwordHash = await core.hasher.hash(normalizePassword(password), signal)
  const account = await core.accounts.add({
    username: username.normalize('NFKC'),
    usernameKey: key,
    passwordHash,
    roles,
  })
  if (!account) return taken
  core.audit({ type: 'registered', userId: account.id })
  return { ok: true, account }
}
