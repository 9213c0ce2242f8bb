import { createHash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { RedisAccess } from '../stores/redis-access.ts'

export interface ThrottlePolicy {
  /** Attempts in a window, for one account and for one address. */
  perAccount: number
  perAddress: number
  windowSeconds: number
}

/**
 * Counts attempts to prove a password, per account and per address, in Redis; per process while Redis is away. An attempt
 * is counted before the password is looked at, so that a thousand at once are not all let through, and taken back where it
 * succeeds.
 */
export class AttemptThrottle {
  readonly #accounts: RateLimiterRedis | RateLimiterMemory
  readonly #addresses: RateLimiterRedis | RateLimiterMemory

  constructor({ perAccount, perAddress, windowSeconds }: ThrottlePolicy, redis: RedisAccess | null) {
    const client = redis && clientOf(redis)
    const limiter = (keyPrefix: string, points: number) => {
      const options = { keyPrefix, points, duration: windowSeconds }
      const local = new RateLimiterMemory(options)
      return client
        ? new RateLimiterRedis({
            ...options,
            storeClient: client,
            insuranceLimiter: local,
            // Who is over the limit is turned away without asking Redis again.
            inMemoryBlockOnConsumed: points + 1,
          })
        : local
    }
    this.#accounts = limiter('heirloom:attempts:account', perAccount)
    this.#addresses = limiter('heirloom:attempts:address', perAddress)
  }

  /** Counts an attempt. Null where it may go on, else the seconds until the next one may. */
  async attempt(account: string | null, ip: string): Promise<number | null> {
    const results = await Promise.all([
      account === null ? null : consume(this.#accounts, keyOf(account)),
      consume(this.#addresses, networkOf(ip)),
    ])
    const waits = results.filter((wait) => wait !== null)
    return waits.length > 0 ? Math.max(...waits) : null
  }

  /** The password was right: the account starts anew, the address gets its attempt back. */
  async succeeded(account: string, ip: string): Promise<void> {
    await Promise.all([this.#accounts.delete(keyOf(account)), this.#addresses.reward(networkOf(ip), 1)])
  }
}

/** ARGV: what to add, and the window in seconds. Answers the sum, and what is left of the window in milliseconds. */
const COUNT = `
redis.call('SET', KEYS[1], 0, 'EX', ARGV[2], 'NX')
return {redis.call('INCRBY', KEYS[1], ARGV[1]), redis.call('PTTL', KEYS[1])}`

const FORGET = `return redis.call('DEL', KEYS[1])`

/** As much of a client as the limiter uses, for one Redis and for a cluster alike. */
function clientOf(redis: RedisAccess) {
  const count = redis.script<[number, number]>('heirloomCount', COUNT)
  return {
    rlflxIncr: ([key = '', ...args]: string[]) => count(key, ...args),
    del: redis.script<number>('heirloomForget', FORGET),
  }
}

async function consume(limiter: RateLimiterRedis | RateLimiterMemory, key: string): Promise<number | null> {
  try {
    await limiter.consume(key)
    return null
  } catch (result) {
    if (result instanceof RateLimiterRes) return Math.max(1, Math.ceil(result.msBeforeNext / 1000))
    throw result
  }
}

/** People type passwords into the name field: what they typed is not kept. */
const keyOf = (account: string) => createHash('sha256').update(account).digest('base64url')

/** One customer has a whole /64 of IPv6. */
function networkOf(ip: string): string {
  // Some proxies name the port as well, and some name what is no address.
  const bare = /^\[(.+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(ip)
  const text = bare?.[1] ?? bare?.[2] ?? ip
  if (!ipaddr.isValid(text)) return text
  const address = ipaddr.process(text)
  return address instanceof ipaddr.IPv6 ? address.parts.slice(0, 4).join(':') : address.toString()
}
