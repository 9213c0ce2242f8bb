import { createHash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { RedisConnection } from '../stores/redis-connection.ts'

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

  constructor({ perAccount, perAddress, windowSeconds }: ThrottlePolicy, redis: RedisConnection | null) {
    const limiter = (keyPrefix: string, points: number) => {
      const options = { keyPrefix, points, duration: windowSeconds }
      const local = new RateLimiterMemory(options)
      return redis
        ? new RateLimiterRedis({
            ...options,
            storeClient: redis.client,
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
