import type { RedisConnection } from './redis-connection.ts'
import type { RedisTrust } from './redis-trust.ts'
import { isUnavailable } from './store-unavailable.ts'

/** What of an account a refresh asks for. */
export interface Standing {
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
export class StandingCache {
  readonly #trust: RedisTrust
  readonly #keptMs: number
  readonly #load: (key: string) => Promise<(string | null)[]>
  readonly #merge: (key: string, ...args: (string | number)[]) => Promise<unknown>

  /** @param keptMs as long as a session may live, so that Postgres is asked about a user once. */
  constructor(redis: RedisConnection, trust: RedisTrust, keptMs: number) {
    this.#trust = trust
    this.#keptMs = keptMs
    this.#load = redis.script('heirloomLoadStanding', LOAD)
    this.#merge = redis.script('heirloomMergeStanding', MERGE)
  }

  /** Null where Postgres is to be asked. Never throws. */
  async get(userId: string): Promise<Standing | null> {
    if (!this.#trust.isTrusted) return null
    const [epoch, version, roles, disabled] = await this.#load(keyOf(userId)).catch(() => [])
    if (!version || Number(epoch) < this.#trust.epoch) return null
    return { version: Number(version), roles: roles ? roles.split(' ') : [], disabled: disabled === '1' }
  }

  /** To be taken before Postgres is read or written, and handed to `keep` or `spread`. */
  get epoch(): number {
    return this.#trust.epoch
  }

  /** Keeps what was read from Postgres in `epoch` or later. Never throws. */
  async keep(userId: string, standing: Standing, epoch: number): Promise<void> {
    if (this.#trust.isTrusted) await this.#write(userId, standing, epoch).catch(() => undefined)
  }

  /** Spreads a change: when it returns, no server goes on with an older copy. @throws StoreUnavailable */
  async spread(userId: string, standing: Standing, epoch: number): Promise<void> {
    const told = await this.#write(userId, standing, epoch).then(
      () => true,
      (error: unknown) => {
        if (isUnavailable(error, 'Redis')) return false
        throw error
      },
    )
    await this.#trust.cover(told ? epoch : null)
  }

  async #write(userId: string, { version, roles, disabled }: Standing, epoch: number): Promise<void> {
    await this.#merge(keyOf(userId), epoch, this.#keptMs, version, roles.join(' '), disabled ? '1' : '0')
  }
}
