import type { User } from '../generated/prisma/client.ts'
import { earlierUsernameKey, usernameKey } from '../rules/username.ts'
import { type Database, query } from '../postgres/database.ts'
import { batch } from '../postgres/batch.ts'
import type { AccountStatus, AccountStatusCache } from '../replication/account-status-cache.ts'

export interface Account extends AccountStatus {
  id: string
  username: string
  passwordHash: string
  createdAt: Date
}

const ACCOUNTS_IN_A_PAGE = 1_000

/**
 * User accounts. Postgres has them; a copy of what a refresh needs is kept beside the families, in Redis where there is
 * one. Throws `StoreUnavailable` like every store.
 */
export class Accounts {
  readonly #database: Database
  readonly #statusCache: AccountStatusCache | null
  readonly byId = batch((ids: string[]) => this.#byIds(ids))

  constructor(database: Database, standings: AccountStatusCache | null) {
    this.#database = database
    this.#statusCache = standings
  }

  /** Null where the name is taken. */
  async add(user: {
    username: string
    usernameKey: string
    passwordHash: string
    roles: string[]
  }): Promise<Account | null> {
    const [row] = await query(this.#database.user.createManyAndReturn({ data: [user], skipDuplicates: true }))
    return row ? toAccount(row) : null
  }

  /** By any spelling of the name. Null if nobody has it. */
  async byName(username: string): Promise<Account | null> {
    // Of two rows whose names became one by case folding, each keeps the spelling that it had.
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

  /** All of them by their names, in pages, so that any number of them is in memory a page at a time. */
  async *all(): AsyncGenerator<Account> {
    for (let after = ''; ;) {
      const where = { usernameKey: { gt: after } }
      const rows = await query(
        this.#database.user.findMany({ where, orderBy: { usernameKey: 'asc' }, take: ACCOUNTS_IN_A_PAGE }),
      )
      yield* rows.map(toAccount)
      const last = rows.at(-1)
      if (!last || rows.length < ACCOUNTS_IN_A_PAGE) return
      after = last.usernameKey
    }
  }

  /** By the copy where there is one. Null where the user does not exist. */
  async status(userId: string): Promise<AccountStatus | null> {
    return (await this.#statusCache?.get(userId)) ?? this.current(userId)
  }

  /** By Postgres, and the copy renewed. Null where the user does not exist. */
  async current(userId: string): Promise<Account | null> {
    const epoch = this.#statusCache?.epoch ?? 0
    const account = await this.byId(userId)
    if (account) await this.#statusCache?.store(userId, account, epoch)
    return account
  }

  /** To be called before an account is read elsewhere; what it answers then renews the copy by what was read. */
  keeper(): (account: Account) => Promise<void> {
    const epoch = this.#statusCache?.epoch ?? 0
    return async (account) => this.#statusCache?.store(account.id, account, epoch)
  }

  /** Changes an account and its copy. Null where it does not exist, or no longer is as `ifStill` says. */
  async change(
    id: string,
    change: { passwordHash?: string; roles?: string[]; disabledAt?: Date | null },
    ifStill?: { version: number; liveSid: string },
  ): Promise<Account | null> {
    const epoch = this.#statusCache?.epoch ?? 0
    const where = {
      id,
      ...(ifStill && { version: ifStill.version, families: { some: { sid: ifStill.liveSid, revokedAt: null } } }),
    }
    const [row] = await query(
      this.#database.user.updateManyAndReturn({ where, data: { ...change, version: { increment: 1 } } }),
    )
    if (!row) return null
    const account = toAccount(row)
    await this.#statusCache?.publish(id, account, epoch)
    return account
  }

  /**
   * Merges what Redis remembers of accounts that Postgres has in an older version, and answers their usernames.
   * @param tell told their ids before they are changed, so that none is forgotten by a process that dies.
   */
  async catchUp(tell: (ids: readonly string[]) => Promise<void>): Promise<string[]> {
    const usernames: string[] = []
    for await (const standings of this.#statusCache?.remembered() ?? []) {
      const where = { id: { in: [...standings.keys()] } }
      const select = { id: true, username: true, version: true }
      const known = await query(this.#database.user.findMany({ where, select }))
      const older = known.filter((user) => user.version < (standings.get(user.id)?.version ?? 0))
      if (older.length > 0) await tell(older.map(({ id }) => id))
      for (const { id, username } of older) {
        const { version = 0, roles = [], disabled } = standings.get(id) ?? {}
        const newer = { roles: [...roles], disabledAt: disabled ? new Date() : null, version }
        const { count } = await query(
          this.#database.user.updateMany({ where: { id, version: { lt: version } }, data: newer }),
        )
        if (count > 0) usernames.push(username)
      }
    }
    return usernames
  }

  /** Those of the users that exist. */
  async existing(ids: readonly string[]): Promise<Set<string>> {
    const rows = await query(this.#database.user.findMany({ where: { id: { in: [...ids] } }, select: { id: true } }))
    return new Set(rows.map(({ id }) => id))
  }
}

export function toAccount({ id, username, passwordHash, roles, disabledAt, createdAt, version }: User): Account {
  return { id, username, passwordHash, roles, disabled: disabledAt !== null, createdAt, version }
}
