import { randomBytes } from 'node:crypto'
import { usernameKey } from '../../rules/username.ts'
import { emailAddress } from '../../rules/email.ts'
import { type Attributes, faultOfAttributes } from '../../rules/attributes.ts'
import { adminScopesOfRoles } from '../../rules/administration.ts'
import { isUuid } from '../../rules/uuid.ts'
import type { Account, AccountChange, AccountCondition } from '../../stores/accounts.ts'
import { register } from '../accounts/register.ts'
import { setPassword } from '../accounts/set-password.ts'
import type { Core } from '../core.ts'
import { NO_SUCH_USER, type Refusal, refuse } from '../refusal.ts'
import { endAllSessions } from '../sessions/sessions.ts'
import { type AdminParts, refusalBeyond } from './admin-parts.ts'

interface UserId {
  /** A UUID, in any case. */
  id: string
}

export interface UserFields {
  email?: string | null
  roles?: readonly string[]
  attributes?: Readonly<Record<string, unknown>>
  require_new_password?: boolean
}

export interface UserQuery {
  username?: string
  email?: string
  limit?: string
  after?: string
}

const USERS_IN_A_PAGE = 100

/** A page of users by name. `next` is the `after` of the next page, if there are more. */
export async function findUsers({ core }: AdminParts, { username, email, limit, after }: UserQuery) {
  const prefix = username === undefined ? undefined : usernameKey(username)
  const address = email === undefined ? undefined : emailAddress(email)
  if (after !== undefined && usernameKey(after) === null)
    return refuse('invalid_request', 'after must be the next of the previous page.')
  // Nobody has such a name or such an address.
  if (prefix === null || address === null) return { ok: true as const, users: [] }
  const wanted = { prefix, email: address?.key, after }
  const { accounts, next } = await core.accounts.page(wanted, Number(limit ?? USERS_IN_A_PAGE))
  return { ok: true as const, users: accounts.map(shownUser), ...(next !== null && { next }) }
}

export async function showUser({ core }: AdminParts, { id }: UserId) {
  const account = await accountOf(core, id)
  return account ? { ok: true as const, ...shownUser(account) } : NO_SUCH_USER
}

/** @param id any text. */
export const accountOf = async ({ accounts }: Pick<Core, 'accounts'>, id: string) =>
  isUuid(id) ? accounts.byId(id.toLowerCase()) : null

/** Without a password, one is generated, and answered this once. Null: the user has none. */
export async function addUser(
  parts: AdminParts,
  { username, password, ...given }: UserFields & { username: string; password?: string | null },
) {
  const { core } = parts
  const fields = checkedFields(parts, { ...given, roles: given.roles ?? core.realm.current().defaultRoles })
  if (!fields.ok) return fields
  const generated = password === undefined ? randomBytes(18).toString('base64url') : null
  const { roles = [], ...more } = fields.change
  const added = await register(core, { username, password: generated ?? password ?? null, roles, ...more })
  if (!added.ok) return added
  return { ok: true as const, ...shownUser(added.account), ...(generated !== null && { password: generated }) }
}

/** Sets what is given; attributes and roles replace all that were there. */
export async function changeUser(parts: AdminParts, { id, ...given }: UserId & UserFields) {
  const fields = checkedFields(parts, given)
  if (!fields.ok) return fields
  return change(parts, id, fields.change, Object.keys(given).join(' '))
}

export async function disableUser(parts: AdminParts, { id }: UserId) {
  const changed = await change(parts, id, { disabledAt: new Date() }, 'disabled')
  if (!changed.ok) return changed
  return { ...changed, sessions_ended: await endAllSessions(parts.core, changed.id, 'disabled') }
}

export const enableUser = (parts: AdminParts, { id }: UserId) => change(parts, id, { disabledAt: null }, 'enabled')

/** Sets a password, or a generated one, which is answered this once; ends all sessions, and lets the user try at once. */
export async function setUserPassword(
  parts: AdminParts,
  { id, password, require_new_password = false }: UserId & { password?: string; require_new_password?: boolean },
) {
  const { core } = parts
  const generated = password === undefined ? randomBytes(18).toString('base64url') : null
  const set = await asAllowed(parts, id, (account, ifStill) =>
    setPassword(core, {
      account,
      password: generated ?? password ?? '',
      passwordChangeRequired: require_new_password,
      ifStill,
      otherwise: CHANGED_MEANWHILE,
    }),
  )
  if (!set.ok) return set
  await core.throttle.lift(usernameKey(set.account.username) ?? '')
  return {
    ok: true as const,
    ...shownUser(set.account),
    sessions_ended: set.sessionsEnded,
    ...(generated !== null && { password: generated }),
  }
}

/** Forgets the failed logins of a user. Those of an address stay. */
export async function unlockUser(parts: AdminParts, { id }: UserId) {
  const { core } = parts
  const found = await allowedUser(parts, id)
  if (!found.ok) return found
  const { account } = found
  await core.throttle.lift(usernameKey(account.username) ?? '')
  core.audit({ type: 'lockout_lifted', userId: account.id })
  return { ok: true as const, ...shownUser(account) }
}

/** A user whom the caller may change. */
export async function allowedUser(
  { core, caller }: AdminParts,
  id: string,
): Promise<{ ok: true; account: Account } | Refusal> {
  const account = await accountOf(core, id)
  if (!account) return NO_SUCH_USER
  const scopes = adminScopesOfRoles(core.realm.current(), account.roles)
  return refusalBeyond(caller, scopes) ?? { ok: true, account }
}

async function change(parts: AdminParts, id: string, fields: AccountChange, members: string) {
  const changed = await asAllowed(parts, id, async ({ id: userId }, ifStill) => {
    const account = await parts.core.accounts.change(userId, fields, ifStill)
    return account ? { ok: true as const, account } : CHANGED_MEANWHILE
  })
  if (!changed.ok) return changed
  const { account } = changed
  const roles = fields.roles && { roles: fields.roles.join(' ') }
  parts.core.audit({ type: 'account_changed', userId: account.id, members, ...roles })
  return { ok: true as const, ...shownUser(account) }
}

export const CHANGED_MEANWHILE = refuse(
  'conflict',
  'The roles of the user were changed at the same time. Read the user again, then decide.',
)

/**
 * Changes a user whom the caller may change. With other roles it may be a user whom the caller may not change, so it is judged once
 * more if the roles have changed before the change is committed.
 * @param work answers CHANGED_MEANWHILE if the account does not match `ifStill` any more.
 */
export async function asAllowed<Done extends { ok: true }>(
  parts: AdminParts,
  id: string,
  work: (account: Account, ifStill: AccountCondition) => Promise<Done | Refusal>,
): Promise<Done | Refusal> {
  const attempt = async () => {
    const found = await allowedUser(parts, id)
    return found.ok ? work(found.account, { roles: found.account.roles }) : found
  }
  const done = await attempt()
  return done === CHANGED_MEANWHILE ? attempt() : done
}

/** The fields as the store takes them. All are checked before anything is changed. */
function checkedFields(
  { core, caller }: AdminParts,
  { email, roles, attributes, require_new_password: passwordChangeRequired }: UserFields,
): { ok: true; change: Omit<AccountChange, 'passwordHash' | 'disabledAt'> } | Refusal {
  const realm = core.realm.current()
  const unknown = roles?.find((role) => !realm.roles.has(role))
  if (unknown !== undefined)
    return refuse(
      'invalid_request',
      `there is no role ${JSON.stringify(unknown)}; the roles are ${[...realm.roles.keys()].join(', ')}`,
    )
  const beyond = refusalBeyond(caller, adminScopesOfRoles(realm, roles ?? []))
  if (beyond) return beyond
  const fault = attributes === undefined ? null : faultOfAttributes(attributes)
  if (fault !== null) return refuse('invalid_request', fault)
  const address = email === undefined || email === null ? email : (emailAddress(email) ?? undefined)
  if (email !== undefined && address === undefined) return refuse('invalid_request', 'This is not an e-mail address.')
  return {
    ok: true,
    change: {
      ...(address !== undefined && { email: address }),
      ...(roles && { roles: [...new Set(roles)] }),
      ...(attributes && { attributes: attributes as Attributes }),
      ...(passwordChangeRequired !== undefined && { passwordChangeRequired }),
    },
  }
}

export const shownUser = (account: Account) => ({
  id: account.id,
  username: account.username,
  email: account.email,
  roles: [...account.roles],
  attributes: account.attributes,
  disabled: account.disabled,
  has_password: account.passwordHash !== null,
  require_new_password: account.passwordChangeRequired,
  created_at: account.createdAt.toISOString(),
})
