import type { Config } from '../../config.ts'
import type { PasswordHasher } from '../../credentials/password-hasher.ts'
import { faultOfPassword, normalizePassword } from '../../credentials/password-policy.ts'
import { usernameKey } from '../../rules/username.ts'
import type { Account, Accounts, Changeable } from '../../stores/accounts.ts'
import { type Refusal, refuse } from '../refusal.ts'
import type { RecordEvent } from '../security-event.ts'

interface RegisterParts {
  config: Pick<Config, 'passwordPolicy'>
  hasher: Pick<PasswordHasher, 'guesses' | 'hash'>
  accounts: Pick<Accounts, 'byName' | 'add'>
  audit: RecordEvent
}

interface NewUser extends Omit<Changeable, 'passwordHash'> {
  username: string
  /** Null: the user cannot log in with one. */
  password: string | null
  roles: string[]
  signal?: AbortSignal
}

export async function register(
  { config, hasher, accounts, audit }: RegisterParts,
  { username, password, signal, ...fields }: NewUser,
): Promise<{ ok: true; account: Account } | Refusal> {
  const key = usernameKey(username)
  if (key === null) {
    return refuse(
      'invalid_request',
      'A username needs 1 to 64 characters: letters, digits and . _ @ + - are allowed, spaces are not.',
    )
  }
  const fault =
    password === null
      ? null
      : await faultOfPassword(password, config.passwordPolicy, (text) =>
          hasher.guesses(text, [key, 'heirloom'], signal),
        )
  if (fault !== null) return refuse('invalid_request', fault)

  const taken = refuse('username_taken', 'This username is taken.')
  if (await accounts.byName(username)) return taken
  const passwordHash = password === null ? null : await hasher.hash(normalizePassword(password), signal)
  const name = { username: username.normalize('NFKC'), usernameKey: key }
  const account = await accounts.add({ ...name, ...fields, passwordHash })
  if (!account) return taken
  audit({ type: 'registered', userId: account.id })
  return { ok: true, account }
}
