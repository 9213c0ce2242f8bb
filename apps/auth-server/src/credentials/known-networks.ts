import { LRUCache } from 'lru-cache'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import { isUnavailable } from '../connection/store-unavailable.ts'

/** Networks of one account. The least recently used one is dropped first. */
const MAX_NETWORKS = 10
const REMEMBERED_SECONDS = 30 * 86_400
/** Entries in this process, for when Redis is unreachable. About 3 MB. */
const MAX_LOCAL = 10_000

/** ARGV: the network, the time in seconds, how many networks are kept, and for how many seconds. */
const ADD = `
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`

/** ARGV: the network, the earliest time that counts. */
const HAS = `return tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '-1') >= tonumber(ARGV[2]) and 1 or 0`

const LIST = `return redis.call('ZRANGE', KEYS[1], 0, -1)`

/** The networks from which an account logged in recently: one sorted set per account in Redis, and some in this process. */
export class KnownNetworks {
  readonly #local = new LRUCache<string, true>({ max: MAX_LOCAL })
  readonly #add: RunScript<unknown> | undefined
  readonly #has: RunScript<number> | undefined
  readonly #list: RunScript<string[]> | undefined

  constructor(redis: RedisAccess | null) {
    this.#add = redis?.script('heirloomAddNetwork', ADD)
    this.#has = redis?.script('heirloomHasNetwork', HAS)
    this.#list = redis?.script('heirloomListNetworks', LIST)
  }

  async add(account: string, network: string): Promise<void> {
    this.#local.set(`${account} ${network}`, true)
    await unlessUnavailable(this.#add?.(networksKey(account), network, nowSeconds(), MAX_NETWORKS, REMEMBERED_SECONDS))
  }

  async has(account: string, network: string): Promise<boolean> {
    if (this.#local.has(`${account} ${network}`)) return true
    return (
      (await unlessUnavailable(this.#has?.(networksKey(account), network, nowSeconds() - REMEMBERED_SECONDS))) === 1
    )
  }

  /** All that are remembered. */
  async of(account: string): Promise<string[]> {
    const local = [...this.#local.keys()].filter((key) => key.startsWith(`${account} `))
    const inRedis = (await unlessUnavailable(this.#list?.(networksKey(account)))) ?? []
    return [...new Set([...inRedis, ...local.map((key) => key.slice(account.length + 1))])]
  }
}

export const networksKey = (account: string) => `heirloom:networks:${account}`

const nowSeconds = () => Math.floor(Date.now() / 1000)

async function unlessUnavailable<Answer>(answer: Promise<Answer> | undefined): Promise<Answer | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isUnavailable(error, 'Redis')) return undefined
    throw error
  }
}
