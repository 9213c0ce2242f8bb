import type { RollbackDetector } from './rollback-detector.ts'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import type { RedisFence } from './redis-fence.ts'
import { StoreUnavailable, isUnavailable } from '../stores/store-unavailable.ts'

/** What of an account a refresh asks for. */
export interface AccountStatus {
  /** Grows with each change; of two copies the higher one is right. */
  version: number
  roles: readonly string[]
  disabled: boolean
}

const keyOf = (userId: string) => `heirloom:user:{${userId}}`

/** ARGV: epoch, how long to keep, version, roles, disabled. A copy of an older version changes nothing but the epoch. */
const MERGE = `
local had = redis.call('HMGET', KEYS[1], 'epoch', 'version')
if tonumber(ARGV[3]) >= tonumber(had[2] or '0') then
  redis.call('HSET', KEYS[1], 'version', ARGV[3], 'roles', ARGV[4], 'disabled', ARGV[5])
end
if tonumber(ARGV[1]) > tonumber(had[1] or '-1') then redis.call('HSET', KEYS[1], 'epoch', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`

const LOAD = `return redis.call('HMGET', KEYS[1], 'epoch', 'version', 'roles', 'disabled')`

/**
 * Copies of standings in Redis, for as long as Redis is trusted. Merged by version: a slow reader cannot bring an older
 * one back.
 */
export class AccountStatusCache {
  readonly #redis: RedisAccess | null
  readonly #trust: RedisFence
  readonly #history: RollbackDetector
  readonly #keptMs: number
  readonly #load: RunScript<(string | null)[]>
  readonly #merge: RunScript<unknown>

  /**
   * @param redis null for a server that works without: it has no copies, and tells the others of changes.
   * @param keptMs as long as a session may live, so that Postgres is asked about a user once.
   */
  constructor(redis: RedisAccess | null, trust: RedisFence, history: RollbackDetector, keptMs: number) {
    this.#redis = redis
    this.#trust = trust
    this.#history = history
    this.#keptMs = keptMs
    this.#load = redis?.script('heirloomLoadStanding', LOAD) ?? withoutRedis
    this.#merge = redis?.script('heirloomMergeStanding', MERGE) ?? withoutRedis
  }

  /** Null where Postgres is to be asked. Never throws. */
  async get(userId: string): Promise<AccountStatus | null> {
    if (!this.#trust.isEnabled) return null
    const fields = await this.#trust.whileEnabled(this.#load(keyOf(userId))).catch(() => [])
    return Number(fields[0]) < this.#trust.epoch ? null : toStatus(fields)
  }

  /** To be taken before Postgres is read or written, and handed to `keep` or `spread`. */
  get epoch(): number {
    return this.#trust.epoch
  }

  /** Keeps what was read from Postgres in `epoch` or later. Never throws. */
  async store(userId: string, standing: AccountStatus, epoch: number): Promise<void> {
    if (this.#trust.isEnabled)
      await this.#trust.whileEnabled(this.#write(userId, standing, epoch)).catch(() => undefined)
  }

  /** Spreads a change: when it returns, no server goes on with an older copy. @throws StoreUnavailable */
  async publish(userId: string, standing: AccountStatus, epoch: number): Promise<void> {
    const told = await this.#write(userId, standing, epoch).then(
      () => true,
      (error: unknown) => {
        if (isUnavailable(error, 'Redis')) return false
        throw error
      },
    )
    await Promise.all([this.#trust.ensureVisible(told ? epoch : null), this.#history.count()])
  }

  /** All that is remembered, whatever its epoch, some at a time: what a copy holds did happen. */
  async *remembered(): AsyncGenerator<Map<string, AccountStatus>> {
    for await (const keys of this.#redis?.scan(keyOf('*')) ?? []) {
      const found = new Map<string, AccountStatus>()
      await Promise.all(
        keys.map(async (key) => {
          const standing = toStatus(await this.#load(key))
          if (standing) found.set(key.slice(keyOf('').length - 1, -1), standing)
        }),
      )
      yield found
    }
  }

  async #write(userId: string, { version, roles, disabled }: AccountStatus, epoch: number): Promise<void> {
    await this.#merge(keyOf(userId), epoch, this.#keptMs, version, roles.join(' '), disabled ? '1' : '0')
  }
}

const withoutRedis = () => Promise.reject(new StoreUnavailable('Redis', new Error('there is none')))

function toStatus([, version, roles, disabled]: readonly (string | null)[]): AccountStatus | null {
  if (!version) return null
  return { version: Number(version), roles: roles ? roles.split(' ') : [], disabled: disabled === '1' }
}
