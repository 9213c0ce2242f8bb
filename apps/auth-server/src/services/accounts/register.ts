import type { Config } from '../../config.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account, Accounts } from '../../stores/accounts.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { RecordEvent } from '../security-event.ts'

interface RegisterParts {
  config: Pick<Config, 'passwordPolicy'>
  hasher: Pick<PasswordHasher, 'guesses' | 'hash'>
  accounts: Pick<Accounts, 'byName' | 'add'>
  audit: RecordEvent
}

interface NewUser {
  username: string
  password: string
  roles: string[]
  signal?: AbortSignal
}

export async function register(
  { config, hasher, accounts, audit }: RegisterParts,
  { username, password, roles, signal }: NewUser,
): Promise<{ ok: true; account: Account } | Refusal> {
  const key = usernameKey(username)
  if (key === null) {
    return refuse(
      'invalid_request',
      'A username needs 1 to 64 characters: letters, digits and . _ @ + - are allowed, spaces are not.',
    )
  }
  const fault = await faultOfPassword(password, config.passwordPolicy, (text) =>
    hasher.guesses(text, [key, 'heirloom'], signal),
  )
  if (fault !== null) return refuse('invalid_request', fault)

  const taken = refuse('username_taken', 'This username is taken.')
  if (await accounts.byName(username)) return taken
  const passwordHash = await hasher.hash(normalizePassword(password), signal)
  const account = await accounts.add({ username: username.normalize('NFKC'), usernameKey: key, passwordHash, roles })
  if (!account) return taken
  audit({ type: 'registered', userId: account.id })
  return { ok: true, account }
}
