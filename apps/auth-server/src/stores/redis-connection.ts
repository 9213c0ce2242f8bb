import { Redis } from 'ioredis'
import { StoreUnavailable } from './store-unavailable.ts'

/** A request waits this long for Redis, and then as long once more for the look whether it still lives. */
const COMMAND_TIMEOUT_MS = 400

/** One connection to Redis, told to fail at once rather than to queue: what to do then is for the caller to say. */
export class RedisConnection {
  readonly client: Redis

  constructor(url: string) {
    this.client = new Redis(url, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 1_000,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      // An unanswered command is an error, not a command to send again: see the merges for why either would do.
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(50 * 2 ** times, 500),
    })
  }

  /** Calls back whenever the connection ends. */
  onLost(callback: () => void): void {
    this.client.on('close', callback)
  }

  /** Resolves when commands can be sent, or after `withinMs`. */
  async ready(withinMs: number): Promise<void> {
    const { client } = this
    if (client.status === 'ready') return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs)
      client.once('ready', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** The id of the Redis process, which is another after each start. @throws where it does not answer, or takes no writes. */
  async probe(): Promise<string> {
    // A full Redis, or a replica that was a master, answers reads.
    const [info] = await Promise.all([this.client.info('server'), this.client.set('heirloom:probe', '', 'PX', 10_000)])
    const runId = /^run_id:(\w+)/m.exec(info)?.[1]
    if (runId === undefined) throw new Error('Redis does not say which process it is')
    return runId
  }

  /** A Lua script with one key, sent by its hash. What it throws is `StoreUnavailable`. */
  script<Answer>(name: string, lua: string): (key: string, ...args: (string | number)[]) => Promise<Answer> {
    this.client.defineCommand(name, { numberOfKeys: 1, lua })
    const run = Reflect.get(this.client, name) as (...args: (string | number)[]) => Promise<Answer>
    return async (key, ...args) => {
      try {
        return await run.call(this.client, key, ...args)
      } catch (error) {
        throw new StoreUnavailable('Redis', error)
      }
    }
  }

  close(): void {
    this.client.disconnect()
  }
}
