import { LRUCache } from 'lru-cache'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import { isUnavailable } from '../connection/store-unavailable.ts'

/** Of one account; the one that was used longest ago is forgotten first. */
const MOST_NETWORKS = 10
const REMEMBERED_SECONDS = 30 * 86_400
/** In this process, for when Redis is away. About 3 MB. */
const MOST_LOCAL = 10_000

/** ARGV: the network, the time in seconds, how many are remembered, for how long. */
const ADD = `
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`

/** ARGV: the network, the earliest time that counts. */
const HAS = `return tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '-1') >= tonumber(ARGV[2]) and 1 or 0`

/** From which networks an account was logged in lately: a sorted set an account in Redis, and some in this process. */
export class KnownNetworks {
  readonly #local = new LRUCache<string, true>({ max: MOST_LOCAL })
  readonly #add: RunScript<unknown> | undefined
  readonly #has: RunScript<number> | undefined

  constructor(redis: RedisAccess | null) {
    this.#add = redis?.script('heirloomAddNetwork', ADD)
    this.#has = redis?.script('heirloomHasNetwork', HAS)
  }

  async add(account: string, network: string): Promise<void> {
    this.#local.set(`${account} ${network}`, true)
    await unlessAway(this.#add?.(keyOf(account), network, nowSeconds(), MOST_NETWORKS, REMEMBERED_SECONDS))
  }

  async has(account: string, network: string): Promise<boolean> {
    if (this.#local.has(`${account} ${network}`)) return true
    return (await unlessAway(this.#has?.(keyOf(account), network, nowSeconds() - REMEMBERED_SECONDS))) === 1
  }
}

const keyOf = (account: string) => `heirloom:networks:${account}`

const nowSeconds = () => Math.floor(Date.now() / 1000)

async function unlessAway<Answer>(asked: Promise<Answer> | undefined): Promise<Answer | undefined> {
  try {
    return await asked
  } catch (error) {
    if (isUnavailable(error, 'Redis')) return undefined
    throw error
  }
}
