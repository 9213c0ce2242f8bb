import { Prisma, type User } from '../generated/prisma/client.ts'
import type { Attributes } from '../rules/attributes.ts'
import type { EmailAddress } from '../rules/email.ts'
import { earlierUsernameKey, usernameKey } from '../rules/username.ts'
import { type Database, query } from '../postgres/database.ts'
import { batch } from '../postgres/batch.ts'
import { type ImportOutcome, type ImportedUser, addImported } from './imported-users.ts'
import type { AccountStatus, AccountStatusCopies } from './account-status.ts'

export interface Account extends AccountStatus {
  id: string
  username: string
  /** Null: the user has no password. */
  passwordHash: string | null
  email: string | null
  /** The next login needs a new password. */
  passwordChangeRequired: boolean
  createdAt: Date
}

/** What may be set when an account is made, and changed later. */
export interface Changeable {
  passwordHash?: string | null
  /** From rules/email.ts, or null for none. */
  email?: EmailAddress | null
  roles?: string[]
  /** As rules/attributes.ts allows them; they replace all that were there. */
  attributes?: Attributes
  passwordChangeRequired?: boolean
}

export type AccountChange = Changeable & { disabledAt?: Date | null }

/** What must still hold when an account is changed. */
export interface AccountCondition {
  version?: number
  /** In this order. */
  roles?: readonly string[]
  /** A session that must not have ended. */
  liveSid?: string
}

/** Which accounts are wanted. All members are keys, from rules/username.ts and rules/email.ts. */
interface Wanted {
  /** What the name begins with. */
  prefix?: string | undefined
  email?: string | undefined
  /** The last name of the page before. */
  after?: string | undefined
}

const ACCOUNTS_IN_A_PAGE = 1_000
/** No character is greater. */
const LAST_CHARACTER = '\u{10FFFF}'

/**
 * User accounts. They are in Postgres; a copy of each status is kept in Redis, if there is one. Every method throws
 * `StoreUnavailable` if Postgres gives no answer.
 */
export class Accounts {
  readonly #database: Database
  readonly #copies: AccountStatusCopies | null
  readonly byId = batch((ids: string[]) => this.#byIds(ids))

  /** @param copies null: Postgres is always asked. */
  constructor(database: Database, copies: AccountStatusCopies | null) {
    this.#database = database
    this.#copies = copies
  }

  /** Null if the name is taken. */
  async add(user: Changeable & { username: string; usernameKey: string; roles: string[] }): Promise<Account | null> {
    const data = [toColumns(user)]
    const [row] = await query(this.#database.user.createManyAndReturn({ data, skipDuplicates: true }))
    return row ? toAccount(row) : null
  }

  /** See stores/imported-users.ts. */
  import(users: readonly ImportedUser[], defaultRoles: readonly string[]): Promise<ImportOutcome[]> {
    return addImported(this.#database, users, defaultRoles)
  }

  /** The account, by any spelling of its name. Null if there is none. */
  async byName(username: string): Promise<Account | null> {
    // Case folding made some names equal that two accounts had before. Each of them keeps its own spelling.
    const keys = [earlierUsernameKey(username), usernameKey(username)].filter((key) => key !== null)
    if (keys.length === 0) return null
    const rows = await query(this.#database.user.findMany({ where: { usernameKey: { in: keys } } }))
    const row = keys.map((key) => rows.find((one) => one.usernameKey === key)).find((one) => one !== undefined)
    return row ? toAccount(row) : null
  }

  async #byIds(ids: readonly string[]): Promise<(Account | null)[]> {
    const rows = await query(this.#database.user.findMany({ where: { id: { in: [...new Set(ids)] } } }))
    const found = new Map(rows.map((row) => [row.id, toAccount(row)]))
    return ids.map((id) => found.get(id) ?? null)
  }

  /** Some accounts in the order of their keys, and the key of the last one if there may be more. */
  async page(
    { prefix = '', email, after = '' }: Wanted,
    limit: number,
  ): Promise<{ accounts: Account[]; next: string | null }> {
    const { users } = this.#database.tables
    // As bytes, so that a prefix is a range of the index, whatever the collation of the database.
    const key = Prisma.raw('username_key COLLATE "C"')
    const rows = await query(this.#database.$queryRaw<{ id: string; username_key: string }[]>`
      SELECT id, username_key FROM ${users}
      WHERE ${key} > ${after} AND ${key} >= ${prefix} AND ${key} < ${prefix + LAST_CHARACTER}
        ${email === undefined ? Prisma.empty : Prisma.sql`AND email_key = ${email}`}
      ORDER BY ${key} LIMIT ${limit}`)
    const found = await this.#byIds(rows.map(({ id }) => id))
    return {
      accounts: found.filter((account) => account !== null),
      next: rows.length < limit ? null : (rows.at(-1)?.username_key ?? null),
    }
  }

  /** All accounts by name, read in pages: only one page is in memory at a time. */
  async *all(): AsyncGenerator<Account> {
    for (let after: string | null = ''; after !== null;) {
      const { accounts, next }: Awaited<ReturnType<Accounts['page']>> = await this.page({ after }, ACCOUNTS_IN_A_PAGE)
      yield* accounts
      after = next
    }
  }

  /** From the copy in Redis, if there is one. Null if the user does not exist. */
  async status(userId: string): Promise<AccountStatus | null> {
    return (await this.#copies?.get(userId)) ?? this.current(userId)
  }

  /** From Postgres; renews the copy. Null if the user does not exist. */
  async current(userId: string): Promise<Account | null> {
    const epoch = this.#copies?.epoch ?? 0
    const account = await this.byId(userId)
    if (account) await this.#copies?.store(userId, account, epoch)
    return account
  }

  /** To be called before an account is read elsewhere. Returns a function that renews the copy with what was read. */
  keeper(): (account: Account) => Promise<void> {
    const epoch = this.#copies?.epoch ?? 0
    return async (account) => this.#copies?.store(account.id, account, epoch)
  }

  /** Changes an account and its copy. Null if it does not exist, or does not match `ifStill` any more. */
  async change(id: string, change: AccountChange, ifStill?: AccountCondition): Promise<Account | null> {
    const epoch = this.#copies?.epoch ?? 0
    const where = {
      id,
      ...(ifStill?.version !== undefined && { version: ifStill.version }),
      ...(ifStill?.roles && { roles: { equals: [...ifStill.roles] } }),
      ...(ifStill?.liveSid !== undefined && { families: { some: { sid: ifStill.liveSid, revokedAt: null } } }),
    }
    const data = { ...toColumns(change), version: { increment: 1 } }
    const [row] = await query(this.#database.user.updateManyAndReturn({ where, data }))
    if (!row) return null
    const account = toAccount(row)
    await this.#copies?.publish(id, account, epoch)
    return account
  }

  /** Stores another hash of the same password, unless the account has changed. Its version stays. */
  async replaceHash({ id, version, passwordHash: before }: Account, passwordHash: string): Promise<void> {
    const where = { id, version, passwordHash: before }
    await query(this.#database.user.updateMany({ where, data: { passwordHash } }))
  }

  /**
   * After a rollback of Postgres: brings accounts up to the newer copies in Redis, and returns their usernames.
   * @param before called with their ids before they are changed, so that a process that dies leaves none unreported.
   */
  async catchUp(before: (ids: readonly string[]) => Promise<void>): Promise<string[]> {
    const usernames: string[] = []
    for await (const copies of this.#copies?.all() ?? []) {
      const where = { id: { in: [...copies.keys()] } }
      const select = { id: true, username: true, version: true }
      const known = await query(this.#database.user.findMany({ where, select }))
      const older = known.filter((user) => user.version < (copies.get(user.id)?.version ?? 0))
      if (older.length > 0) await before(older.map(({ id }) => id))
      for (const { id, username } of older) {
        const { version = 0, roles = [], disabled, attributes } = copies.get(id) ?? {}
        const newer = {
          ...toColumns({ ...(attributes && { attributes }) }),
          roles: [...roles],
          disabledAt: disabled ? new Date() : null,
          version,
        }
        const { count } = await query(
          this.#database.user.updateMany({ where: { id, version: { lt: version } }, data: newer }),
        )
        if (count > 0) usernames.push(username)
      }
    }
    return usernames
  }

  /** Which of these users exist. */
  async existing(ids: readonly string[]): Promise<Set<string>> {
    const rows = await query(this.#database.user.findMany({ where: { id: { in: [...ids] } }, select: { id: true } }))
    return new Set(rows.map(({ id }) => id))
  }
}

function toColumns<Rest>({ email, attributes, ...rest }: Changeable & Rest) {
  return {
    ...rest,
    ...(email !== undefined && { email: email?.address ?? null, emailKey: email?.key ?? null }),
    ...(attributes && { attributes: attributes as Prisma.InputJsonObject }),
  }
}

/** A row of `users` as Postgres writes it as JSON. */
export interface AccountJson {
  id: string
  username: string
  password_hash: string | null
  email: string | null
  roles: string[]
  attributes: Attributes
  password_change_required: boolean
  disabled_at: string | null
  created_at: string
  version: number
}

export const accountFromJson = (row: AccountJson): Account => ({
  id: row.id,
  username: row.username,
  passwordHash: row.password_hash,
  email: row.email,
  roles: row.roles,
  attributes: row.attributes,
  passwordChangeRequired: row.password_change_required,
  disabled: row.disabled_at !== null,
  createdAt: new Date(row.created_at),
  version: row.version,
})

export function toAccount(row: User): Account {
  const { id, username, passwordHash, email, roles, disabledAt, createdAt, version } = row
  const { passwordChangeRequired } = row
  return {
    id,
    username,
    passwordHash,
    email,
    roles,
    attributes: row.attributes as Attributes,
    passwordChangeRequired,
    disabled: disabledAt !== null,
    createdAt,
    version,
  }
}
