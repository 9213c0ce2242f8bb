import type { RedisConnection } from './redis-connection.ts'

/** What of an account a refresh asks for. */
export interface Standing {
  /** Grows with each change; of two copies the higher one is right. */
  version: number
  roles: readonly string[]
  disabled: boolean
}

const keyOf = (userId: string) => `heirloom:user:{${userId}}`

/** Longer than the time between two refreshes of an active session, so that Postgres is asked about a user once. */
const KEPT_MS = 60 * 60 * 1000

/** ARGV: version, roles, disabled, how long to keep. A copy of an older version changes nothing. */
const MERGE = `
local had = tonumber(redis.call('HGET', KEYS[1], 'version') or '0')
if tonumber(ARGV[1]) < had then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'roles', ARGV[2], 'disabled', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`

const LOAD = `return redis.call('HMGET', KEYS[1], 'version', 'roles', 'disabled')`

/** The copies of standings in Redis, merged by version: a slow reader cannot bring an older one back. */
export class StandingCache {
  readonly #merge: (key: string, ...args: (string | number)[]) => Promise<unknown>
  readonly #load: (key: string) => Promise<(string | null)[]>

  constructor(redis: RedisConnection) {
    this.#merge = redis.script('heirloomMergeStanding', MERGE)
    this.#load = redis.script('heirloomLoadStanding', LOAD) as (key: string) => Promise<(string | null)[]>
  }

  async get(userId: string): Promise<Standing | null> {
    const [version, roles, disabled] = await this.#load(keyOf(userId))
    if (!version) return null
    return { version: Number(version), roles: roles ? roles.split(' ') : [], disabled: disabled === '1' }
  }

  async merge(userId: string, { version, roles, disabled }: Standing): Promise<void> {
    await this.#merge(keyOf(userId), version, roles.join(' '), disabled ? '1' : '0', KEPT_MS)
  }
}
