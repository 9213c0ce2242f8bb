import { LRUCache } from 'lru-cache'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import { isUnavailable } from '../connection/store-unavailable.ts'

/** Counters in this process, about 2 MB. Beyond, the one that was not asked for longest is forgotten. */
const MOST_LOCAL = 10_000

/** A counter that Redis refused is not asked for again so soon; another server may have taken it back meanwhile. */
const REFUSED_FOR_MS = 5_000

/** ARGV: the limit, the window in seconds. Answers whether it was counted, and the rest of the window in milliseconds. */
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
 * Counts up to a limit in a fixed window, which begins with the first one; what is refused changes nothing. In Redis, and
 * in this process while Redis is away.
 */
export class AttemptCounter {
  readonly #windowSeconds: number
  readonly #local = new LRUCache<string, Local>({ max: MOST_LOCAL })
  /** Those that Redis has refused a moment ago. The value is when the window ends, in milliseconds since 1970. */
  readonly #refused = new LRUCache<string, number>({ max: MOST_LOCAL, ttl: REFUSED_FOR_MS })
  readonly #scripts: Record<'count' | 'takeBack' | 'forget', RunScript<unknown>> | null

  constructor(windowSeconds: number, redis: RedisAccess | null) {
    this.#windowSeconds = windowSeconds
    this.#scripts = redis && {
      count: redis.script('heirloomCount', COUNT),
      takeBack: redis.script('heirloomTakeBack', TAKE_BACK),
      forget: redis.script('heirloomForget', FORGET),
    }
  }

  /** Null if it was counted, else the seconds until the window ends. */
  async count(key: string, limit: number): Promise<number | null> {
    const refusedUntil = this.#refused.get(key)
    if (refusedUntil !== undefined) return secondsOf(refusedUntil - Date.now())
    const answer = await this.#ask('count', key, limit, this.#windowSeconds)
    if (answer === null) return this.#countHere(key, limit)
    const [room, leftMs] = answer as [number, number]
    if (room === 1) return null
    this.#refused.set(key, Date.now() + leftMs)
    return secondsOf(leftMs)
  }

  /** What was counted is not, if its window has not ended. */
  async takeBack(key: string): Promise<void> {
    this.#refused.delete(key)
    if ((await this.#ask('takeBack', key)) !== null) return
    const local = this.#local.get(key)
    if (local && local.count > 0) local.count--
  }

  async forget(key: string): Promise<void> {
    this.#refused.delete(key)
    this.#local.delete(key)
    await this.#ask('forget', key)
  }

  #countHere(key: string, limit: number): number | null {
    const local = this.#local.get(key)
    if (!local) this.#local.set(key, { count: 1 }, { ttl: this.#windowSeconds * 1000 })
    else if (local.count >= limit) return secondsOf(this.#local.getRemainingTTL(key))
    else local.count++
    return null
  }

  /** Null without Redis. */
  async #ask(name: 'count' | 'takeBack' | 'forget', key: string, ...args: number[]): Promise<unknown> {
    try {
      return (await this.#scripts?.[name](`heirloom:attempts:${key}`, ...args)) ?? null
    } catch (error) {
      if (isUnavailable(error, 'Redis')) return null
      throw error
    }
  }
}

const secondsOf = (ms: number) => Math.max(1, Math.ceil(ms / 1000))
