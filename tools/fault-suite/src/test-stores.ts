import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type RedisCluster,
  type Sentinel,
  type Store,
  startPostgres,
  startRedis,
  startRedisCluster,
  startSentinel,
} from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { copyFolder } from './copy-folder.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { startStandby } from './standby.ts'

/** The layout of Redis: one process behind a proxy, or one of the others that `REDIS_URL` can name. */
export type Layout = 'one' | 'cluster' | 'sentinel'

const ANSWERS_WITHIN_MS = 5_000

/** A real Postgres and Redis, which can be killed, restarted, copied and replaced. */
export abstract class TestStores {
  readonly folder = mkdtempSync(join(tmpdir(), 'heirloom-faults-'))
  /** Its URL is a superuser's: servers have another role. */
  postgres!: Store
  /** The only one, or the first master. */
  redis!: Store
  redisCluster: RedisCluster | null = null
  sentinel: Sentinel | null = null
  readonly #redisPassword = randomBytes(24).toString('base64url')
  #replica: { store: Store; link: Proxy } | null = null
  #standby: { store: Store; link: Proxy; folder: string } | null = null
  postgresFolder = join(this.folder, 'postgres')

  /** Sends the servers to another store from now on. */
  protected abstract aim(way: 'toRedis' | 'toPostgres', store: Store): void

  protected async startStores(layout: Layout): Promise<void> {
    await Promise.all([this.#startPostgres(), this.#layRedis(layout)])
  }

  async #layRedis(layout: Layout): Promise<void> {
    const dataDir = join(this.folder, layout)
    if (layout === 'cluster') this.redisCluster = await startRedisCluster({ dataDir })
    if (layout === 'sentinel') this.sentinel = await startSentinel({ dataDir })
    this.redis = (this.redisCluster ?? this.sentinel)?.nodes[0] ?? (await this.#startRedis())
  }

  async #startPostgres(port?: number, env: NodeJS.ProcessEnv = {}): Promise<void> {
    this.postgres = await startPostgres({ dataDir: this.postgresFolder, env, ...(port !== undefined && { port }) })
  }

  async #startRedis(
    port?: number,
    settings: Record<string, string> = {},
    name = 'redis',
    env: NodeJS.ProcessEnv = {},
  ): Promise<Store> {
    const redis = await startRedis({
      dataDir: join(this.folder, name),
      password: this.#redisPassword,
      settings: { appendonly: 'no', dbfilename: 'dump.rdb', ...settings },
      env,
      ...(port !== undefined && { port }),
    })
    if (!redis) throw new Error('The fault suite needs redis-server or valkey-server on the PATH.')
    return redis
  }

  /** On the same port, with its last snapshot. */
  async restartRedis(env?: NodeJS.ProcessEnv): Promise<void> {
    await this.redis.exited
    this.redis = await this.#startRedis(this.redis.port, {}, 'redis', env)
  }

  /** Adds a replica. It lags while the returned link is held. */
  async addReplica(): Promise<Proxy> {
    const link = await startProxy(this.redis.port)
    const settings = { replicaof: `127.0.0.1 ${link.port}`, masterauth: this.#redisPassword }
    this.#replica = { link, store: await this.#startRedis(undefined, settings, 'replica') }
    const upToDate = async (redis: Redis) => (await redis.info('replication')).includes('master_link_status:up')
    while (!(await this.withRedis(upToDate, this.#replica.store))) await sleep(20)
    return link
  }

  /** Makes the replica the new Redis, at the old address. */
  async promoteReplica(): Promise<void> {
    if (!this.#replica) throw new Error('there is no replica')
    const { store, link } = this.#replica
    await this.withRedis((redis) => redis.replicaof('NO', 'ONE'), store)
    this.redis = store
    this.aim('toRedis', store)
    this.#replica = null
    await link.close()
  }

  async restartPostgres(env?: NodeJS.ProcessEnv): Promise<void> {
    await this.postgres.exited
    await this.#startPostgres(this.postgres.port, env)
  }

  /** The same as `addReplica`, for Postgres. */
  async addStandby(): Promise<Proxy> {
    const link = await startProxy(this.postgres.port)
    const folder = join(this.folder, 'standby')
    await this.postgres.stop()
    await copyFolder(this.postgresFolder, folder)
    await this.restartPostgres()
    const store = await startStandby(folder, new URL(atPort(this.postgres.url, link)))
    this.#standby = { link, store, folder }
    return link
  }

  async promoteStandby(): Promise<void> {
    if (!this.#standby) throw new Error('there is no standby')
    const { store, link, folder } = this.#standby
    await this.query('SELECT pg_promote()', [], store)
    ;[this.postgres, this.postgresFolder] = [store, folder]
    this.aim('toPostgres', store)
    this.#standby = null
    await link.close()
  }

  /** All processes of Redis. */
  get redisNodes(): readonly Store[] {
    return (this.redisCluster ?? this.sentinel)?.nodes ?? [this.redis]
  }

  /** One command to Redis, past the proxies. */
  async withRedis<T>(command: (redis: Redis) => Promise<T>, { url }: Store = this.redis): Promise<T> {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    try {
      return await command(redis)
    } finally {
      redis.disconnect()
    }
  }

  /** One query to Postgres, past the proxies. */
  async query<Row extends pg.QueryResultRow>(
    sql: string,
    values: unknown[] = [],
    { url }: Store = this.postgres,
  ): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ANSWERS_WITHIN_MS })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Row>(sql, values)).rows
    } finally {
      await client.end()
    }
  }

  isPostgresUp(): Promise<boolean> {
    return this.query('SELECT 1').then(
      () => true,
      () => false,
    )
  }

  /** Whether the servers have agreed to work through Redis. */
  async isRedisUsed(): Promise<boolean> {
    const [row] = await this.query<{ used: boolean }>('SELECT suspended_until IS NULL AS used FROM redis_trust')
    return row?.used === true
  }

  async saveSnapshot(): Promise<void> {
    await this.withRedis((redis) => redis.save())
    copyFileSync(this.#dump, `${this.#dump}.old`)
  }

  /** Redis loads it at its next start. */
  putSnapshotBack(): void {
    copyFileSync(`${this.#dump}.old`, this.#dump)
  }

  get #dump(): string {
    return join(this.folder, 'redis', 'dump.rdb')
  }

  protected async stopStores(): Promise<void> {
    const redis = this.redisCluster ?? this.sentinel ?? this.redis
    await Promise.all([this.postgres?.stop(), redis?.stop(), this.#replica?.store.stop(), this.#standby?.store.stop()])
    // An interrupted fault may have left a disk mounted on it.
    spawnSync('umount', [this.postgresFolder])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function atPort(url: string, { port }: { port: number }): string {
  const changed = new URL(url)
  changed.port = String(port)
  return changed.href
}
