import { Redis, type RedisOptions } from 'ioredis'
import type { RedisAccess, RunOnEach, RunScript } from './redis-access.ts'
import { parseRedisUrl } from './redis-url.ts'
import { StoreUnavailable } from '../connection/store-unavailable.ts'

/** A request waits this long for Redis, and then as long again for the poll of the fence. */
export const COMMAND_TIMEOUT_MS = 400
/** Redis does nothing else while a script runs: a quarter of a millisecond with these. A refresh waits for it three times. */
export const KEYS_IN_A_SCRIPT = 50

/** The constructor has another type for the rest. */
type Options = Omit<RedisOptions, 'replyMapping'>

const OPTIONS = {
  sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: 1_000,
  // If a peer vanishes silently, the connection stays open, and the kernel waits for minutes.
  socketTimeout: 3_000,
  disconnectTimeout: 500,
  enableOfflineQueue: false,
  // An unanswered command is an error and is not sent again. (Sending it again would be safe: the scripts merge.)
  maxRetriesPerRequest: 0,
  retryStrategy: (times) => Math.min(50 * 2 ** times, 500),
} satisfies Options

/** One connection to Redis. It fails at once and never queues: the caller decides what to do then. */
export class RedisConnection implements RedisAccess {
  readonly client: Redis
  #isCorked = false
  /** Why the database could not be selected. ioredis would go on in database 0, which belongs to others. */
  #wrongDatabase: Error | undefined

  /**
   * @param where the URL of one Redis or of sentinels, or the options of one node of a cluster.
   * @param onTrouble called with errors of the connection, for the log. Callers only see failed commands.
   * @param timeoutMs the time that a command may take.
   */
  constructor(
    where: string | Options,
    onTrouble: (error: Error) => void = () => undefined,
    timeoutMs = COMMAND_TIMEOUT_MS,
  ) {
    const address = typeof where === 'string' ? toOptions(where) : where
    // A master became a replica: a new connection finds the new master.
    const reconnectOnError = (error: Error) => {
      const isReplica = error.message.startsWith('READONLY')
      if (isReplica) onTrouble(error)
      return isReplica
    }
    const options: Options = { ...OPTIONS, reconnectOnError, commandTimeout: timeoutMs, ...address }
    this.client = new Redis(options)
    this.client.on('error', (error: Error) => {
      if (error.message.startsWith('ERR DB index')) this.#wrongDatabase = error
      onTrouble(error)
    })
  }

  onLost(callback: () => void): void {
    // A connection that never became ready has answered nothing.
    this.client.on('ready', () => this.client.once('close', callback))
  }

  async ready(withinMs: number): Promise<void> {
    const { client } = this
    if (client.status === 'ready') return
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        client.off('ready', done).off('end', done)
        resolve()
      }
      const timer = setTimeout(done, withinMs)
      client.on('ready', done).on('end', done)
    })
  }

  /** @param key is written: a full Redis, or a master that became a replica, would still answer reads. */
  async probe(key = 'heirloom:probe'): Promise<string> {
    if (this.#wrongDatabase) throw this.#wrongDatabase
    const [server, replication] = await Promise.all([
      this.client.info('server'),
      this.client.info('replication'),
      this.client.set(key, '', 'PX', 10_000),
    ])
    const runId = /^run_id:(\w+)/m.exec(server)?.[1]
    if (runId === undefined) throw new Error('INFO of Redis has no run_id')
    // A process that was demoted and promoted again lost data, too. Then its replication id has changed.
    const replicationId = /^master_replid:(\w+)/m.exec(replication)?.[1] ?? ''
    return `${runId}:${replicationId}`
  }

  script<Answer>(name: string, lua: string): RunScript<Answer> {
    this.client.defineCommand(name, { numberOfKeys: 1, lua })
    const command = Reflect.get(this.client, name) as RunScript<Answer>
    return async (key, ...args) => {
      this.#cork()
      try {
        return await command.call(this.client, key, ...args)
      } catch (error) {
        throw new StoreUnavailable('Redis', error)
      }
    }
  }

  scriptOnEach(name: string, lua: string): RunOnEach {
    this.client.defineCommand(name, { lua })
    const command = Reflect.get(this.client, name) as (...args: (string | number)[]) => Promise<unknown>
    // One script at a time, of all calls together: commands of requests wait for one at most.
    let last: Promise<unknown> = Promise.resolve()
    return async (keys, shared, own) => {
      for (let i = 0; i < keys.length; i += KEYS_IN_A_SCRIPT) {
        const some = keys.slice(i, i + KEYS_IN_A_SCRIPT)
        const args = [some.length, ...some, ...shared, ...own.slice(i, i + KEYS_IN_A_SCRIPT)]
        const answer = last.then(() => command.call(this.client, ...args))
        last = answer.catch(() => undefined)
        try {
          await answer
        } catch (error) {
          throw new StoreUnavailable('Redis', error)
        }
      }
    }
  }

  /**
   * Sends the commands of one turn of the event loop in one write. `enableAutoPipelining` of ioredis 6 does so too, but takes
   * 1.4 times the CPU for a command, and its garbage outlives two young generations.
   */
  #cork(): void {
    const { stream } = this.client
    if (this.#isCorked || !stream) return
    this.#isCorked = true
    stream.cork()
    setImmediate(() => {
      this.#isCorked = false
      stream.uncork()
    })
  }

  async *scan(pattern: string): AsyncGenerator<string[]> {
    let cursor = '0'
    do {
      let keys: string[]
      ;[cursor, keys] = await this.client.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000)
      yield keys
    } while (cursor !== '0')
  }

  close(): void {
    this.client.disconnect()
  }
}

function toOptions(url: string): Options {
  const { kind, hosts, login, sentinel } = parseRedisUrl(url)
  if (kind !== 'sentinel') return { ...login, ...hosts[0] }
  return {
    ...login,
    sentinels: [...hosts],
    name: sentinel.name,
    ...(sentinel.username && { sentinelUsername: sentinel.username }),
    ...(sentinel.password && { sentinelPassword: sentinel.password }),
    ...(login.tls && { sentinelTLS: login.tls, enableTLSForSentinelMode: true }),
  }
}
