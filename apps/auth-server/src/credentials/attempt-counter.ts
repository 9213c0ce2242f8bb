import { LRUCache } from 'lru-cache'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import { isUnavailable } from '../connection/store-unavailable.ts'

/** Counters in this process, about 2 MB. Beyond that, the least recently used one is dropped. */
const MAX_LOCAL = 10_000

/** Redis is not asked again so soon about a counter that is full. Another server may take an attempt back meanwhile. */
const REFUSED_FOR_MS = 5_000

/** ARGV: the limit, the window in seconds. Returns whether it counted, and the rest of the window in milliseconds. */
const COUNT = `
local room = tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1])
if room then
  redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
  redis.call('INCR', KEYS[1])
end
return {room and 1 or 0, redis.call('PTTL', KEYS[1])}`

const TAKE_BACK = `
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('DECR', KEYS[1]) < 1 then redis.call('DEL', KEYS[1]) end
return 1`

const FORGET = `return redis.call('DEL', KEYS[1])`

interface Local {
  count: number
}

/**
 * Counts up to a limit in a fixed window, which begins with the first count. An attempt beyond the limit changes nothing.
 * The counters are in Redis, and in this process while Redis is unreachable.
 */
export class AttemptCounter {
  readonly #windowSeconds: number
  readonly #local = new LRUCache<string, Local>({ max: MAX_LOCAL })
  /** Counters that were full in Redis a moment ago. The value is when the window ends, in milliseconds since 1970. */
  readonly #full = new LRUCache<string, number>({ max: MAX_LOCAL, ttl: REFUSED_FOR_MS })
  readonly #scripts: Record<'count' | 'takeBack' | 'forget', RunScript<unknown>> | null

  constructor(windowSeconds: number, redis: RedisAccess | null) {
    this.#windowSeconds = windowSeconds
    this.#scripts = redis && {
      count: redis.script('heirloomCount', COUNT),
      takeBack: redis.script('heirloomTakeBack', TAKE_BACK),
      forget: redis.script('heirloomForget', FORGET),
    }
  }

  /** Returns null if it counted, or the seconds until the window ends. */
  async count(key: string, limit: number): Promise<number | null> {
    const fullUntil = this.#full.get(key)
    if (fullUntil !== undefined) return secondsOf(fullUntil - Date.now())
    const answer = await this.#inRedis('count', key, limit, this.#windowSeconds)
    if (answer === null) return this.#countLocally(key, limit)
    const [counted, leftMs] = answer as [number, number]
    if (counted === 1) return null
    this.#full.set(key, Date.now() + leftMs)
    return secondsOf(leftMs)
  }

  /** Takes one count back, if its window has not ended. */
  async takeBack(key: string): Promise<void> {
    this.#full.delete(key)
    if ((await this.#inRedis('takeBack', key)) !== null) return
    const local = this.#local.get(key)
    if (local && local.count > 0) local.count--
  }

  async forget(key: string): Promise<void> {
    this.#full.delete(key)
    this.#local.delete(key)
    await this.#inRedis('forget', key)
  }

  #countLocally(key: string, limit: number): number | null {
    const local = this.#local.get(key)
    if (!local) this.#local.set(key, { count: 1 }, { ttl: this.#windowSeconds * 1000 })
    else if (local.count >= limit) return secondsOf(this.#local.getRemainingTTL(key))
    else local.count++
    return null
  }

  /** Returns null without Redis. */
  async #inRedis(name: 'count' | 'takeBack' | 'forget', key: string, ...args: number[]): Promise<unknown> {
    try {
      return (await this.#scripts?.[name](attemptsKey(key), ...args)) ?? null
    } catch (error) {
      if (isUnavailable(error, 'Redis')) return null
      throw error
    }
  }
}

export const attemptsKey = (key: string) => `heirloom:attempts:${key}`

const secondsOf = (ms: number) => Math.max(1, Math.ceil(ms / 1000))
