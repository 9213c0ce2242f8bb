import { attemptsKey } from '../credentials/attempt-counter.ts'
import { networksKey } from '../credentials/known-networks.ts'
import type { RedisAccess, RunOnEach, RunScript } from '../redis/redis-access.ts'
import type { Remains } from '../stores/deleted-users.ts'
import { familyKey } from '../stores/redis-family-store.ts'
import { accountStatusKey } from './account-status-cache.ts'

/** The set of the hashes of all who were deleted. It has no expiry. */
const KEY = 'heirloom:deleted-users'
/** Members in one command. */
const BATCH = 1_000

const FORGET = `for _, key in ipairs(KEYS) do redis.call('DEL', key) end`
const ADD = `return redis.call('SADD', KEYS[1], unpack(ARGV))`
const COUNT = `return redis.call('SCARD', KEYS[1])`
const SCAN = `return redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])`

/** Deleted users in Redis. Every method throws `StoreUnavailable` if Redis gives no answer. */
export class RedisDeletions {
  readonly #forget: RunOnEach
  readonly #add: RunScript<number>
  readonly #count: RunScript<number>
  readonly #scan: RunScript<[cursor: string, members: string[]]>

  constructor(redis: RedisAccess) {
    this.#forget = redis.scriptOnEach('heirloomForgetUser', FORGET)
    this.#add = redis.script('heirloomAddDeleted', ADD)
    this.#count = redis.script('heirloomCountDeleted', COUNT)
    this.#scan = redis.script('heirloomScanDeleted', SCAN)
  }

  /** Removes every key that has something of the user, tombstones too: a family that is nowhere is refused as a revoked one is. */
  async forget({ userId, families, attempts }: Remains): Promise<void> {
    const keys = [accountStatusKey(userId), networksKey(attempts), attemptsKey(attempts), ...families.map(familyKey)]
    await this.#forget(
      keys,
      [],
      keys.map(() => ''),
    )
  }

  async add(hashes: readonly string[]): Promise<void> {
    for (let i = 0; i < hashes.length; i += BATCH) await this.#add(KEY, ...hashes.slice(i, i + BATCH))
  }

  count(): Promise<number> {
    return this.#count(KEY)
  }

  async all(): Promise<string[]> {
    const found = new Set<string>()
    for (let cursor: string | null = '0'; cursor !== null;) {
      const [next, members]: [string, string[]] = await this.#scan(KEY, cursor, BATCH)
      for (const member of members) found.add(member)
      cursor = next === '0' ? null : next
    }
    return [...found]
  }
}
