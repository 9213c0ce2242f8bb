import { readLua } from '../redis/read-lua.ts'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import type { Entry, Reading, RevocationLog } from './revocation-log.ts'

/** A key of its own, and so a slot of its own in a cluster. */
const KEY = 'heirloom:revoked'
/** A bit longer than any access token may live: servers that read it keep each index for as long as need be. */
const KEPT_MS = 25 * 3_600_000
/** Indexes in a member of the set. */
const MAX_TOGETHER = 500

const lua = (file: string) => new URL(`./lua/${file}`, import.meta.url)
const LIST = readLua(lua('list-revoked.lua'))
const READ = readLua(lua('read-revoked.lua'))

/** The revoked indexes in Redis: one sorted set, by when they were revoked. Those that were revoked together are one member. */
export class RedisRevocations implements RevocationLog {
  readonly #list: RunScript<unknown>
  readonly #read: RunScript<string[]>

  constructor(redis: RedisAccess) {
    this.#list = redis.script('heirloomListRevoked', LIST)
    this.#read = redis.script('heirloomReadRevoked', READ)
  }

  /** @throws StoreUnavailable */
  async add(statusIndexes: readonly number[]): Promise<void> {
    for (let i = 0; i < statusIndexes.length; i += MAX_TOGETHER)
      await this.#list(KEY, KEPT_MS, statusIndexes.slice(i, i + MAX_TOGETHER).join())
  }

  async read(withinMs: number, from: number, limit: number): Promise<Reading> {
    const [now, ...pairs] = await this.#read(KEY, withinMs, from, limit)
    const entries: Entry[] = []
    for (let i = 0; i < pairs.length; i += 2)
      entries.push([(pairs[i] ?? '').split(',').map(Number), Number(pairs[i + 1])])
    return { now: Number(now), entries }
  }
}
