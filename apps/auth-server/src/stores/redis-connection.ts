import { Redis } from 'ioredis'
import { StoreUnavailable } from './store-unavailable.ts'

/** A refresh waits this long for Redis at the most. */
const COMMAND_TIMEOUT_MS = 500

/** One connection to Redis, told to fail at once rather than to queue: what to do then is for the caller to say. */
export class RedisConnection {
  readonly client: Redis

  constructor(url: string) {
    this.client = new Redis(url, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 2_000,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(50 * 2 ** times, 1_000),
    })
  }

  get isReady(): boolean {
    return this.client.status === 'ready'
  }

  /** Resolves when commands can be sent. @throws StoreUnavailable where the server cannot be reached within `withinMs`. */
  async ready(withinMs: number): Promise<void> {
    if (this.isReady) return
    await new Promise<void>((resolve, reject) => {
      let last: unknown
      const failed = (error: unknown) => void (last = error)
      const timer = setTimeout(() => done(() => reject(new StoreUnavailable('Redis', last))), withinMs)
      const ready = () => done(resolve)
      const done = (settle: () => void) => {
        clearTimeout(timer)
        this.client.off('ready', ready).off('error', failed)
        settle()
      }
      this.client.once('ready', ready).on('error', failed)
    })
  }

  /** A Lua script with one key, sent by its hash. What it throws is `StoreUnavailable`. */
  script(name: string, lua: string): (key: string, ...args: (string | number)[]) => Promise<unknown> {
    this.client.defineCommand(name, { numberOfKeys: 1, lua })
    const run = Reflect.get(this.client, name) as (...args: (string | number)[]) => Promise<unknown>
    return async (key, ...args) => {
      try {
        return await run.call(this.client, key, ...args)
      } catch (error) {
        throw new StoreUnavailable('Redis', error)
      }
    }
  }

  async close(): Promise<void> {
    this.client.disconnect()
  }
}
