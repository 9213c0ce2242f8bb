import { type Realm, type RealmSource, realmOf } from '../../rules/realm.ts'
import type { RealmRows } from '../../stores/realm-rows.ts'

/** How often every server reads the realm: the version alone, if nothing has changed. */
export const REALM_READ_EVERY_MS = 4_000
/** Every server that reaches Postgres follows a change within this time, reading included. */
export const REALM_FOLLOWED_WITHIN_MS = 5_000

const EMPTY: Realm = realmOf({ resources: [], roles: [], clients: [], defaultClient: null, defaultRoles: [] })

/** Keeps the realm in memory, so that no request waits for a store. While Postgres is away, the last copy serves on. */
export class RealmKeeper implements RealmSource {
  readonly #rows: Pick<RealmRows, 'readUnless'>
  #realm = EMPTY
  #version: number | null = null

  constructor(rows: Pick<RealmRows, 'readUnless'>) {
    this.#rows = rows
  }

  current(): Realm {
    return this.#realm
  }

  /** Nobody can log in. */
  get isEmpty(): boolean {
    return this.#realm.clients.size === 0
  }

  /** Reads the realm again if it has changed. @throws StoreUnavailable, and keeps what it has. */
  async refresh(): Promise<void> {
    const read = await this.#rows.readUnless(this.#version)
    if (!read) return
    this.#realm = realmOf(read.data)
    this.#version = read.version
  }
}
