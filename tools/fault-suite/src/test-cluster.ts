import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { refreshTokens } from '@heirloom/auth-server/internals/rules/refresh-token'
import { prepareDatabase } from '@heirloom/harness/database'
import { AUTH_SERVER, ISSUER, RESOURCE_API, WITHOUT_LIMITS, newSecrets, runAdmin } from '@heirloom/harness/services'
import {
  EXAMPLE_REALM,
  type RedisCluster,
  type Sentinel,
  type Service,
  type Store,
  freePort,
  startPostgres,
  startRedis,
  startRedisCluster,
  startSentinel,
  startService,
} from '@heirloom/local-stack'
import { Redis } from 'ioredis'
import pg from 'pg'
import { copyFolder } from './copy-folder.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { type ListReader, MAX_STALE_SECONDS, STATUS_TTL_SECONDS } from './revocations.ts'
import { startStandby } from './standby.ts'

/** The layout of Redis: one process behind a proxy, or one of the others that `REDIS_URL` can name. */
export type Layout = 'one' | 'cluster' | 'sentinel'

const CLOCK = new URL('clock.ts', import.meta.url).href
const ANSWERS_WITHIN_MS = 5_000
/** The server from which the resource service fetches the keys. */
const KEYS_FROM = 1

/** One auth server and its three proxies. */
export interface Node {
  service: Service
  /** Unused with a Redis Cluster or Sentinel, whose nodes announce their own addresses. */
  toRedis: Proxy
  toPostgres: Proxy
  /** Clients and the resource service use this one. */
  front: Proxy
  url: string
}

/** Real stores, auth servers and a resource service, each of which can be broken and repaired. */
export class TestCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'heirloom-faults-'))
  readonly #secrets = newSecrets()
  readonly tokenSecret = this.#secrets.TOKEN_SECRETS
  readonly nodes: Node[] = []
  /** Its URL is a superuser's: servers have another role. */
  postgres!: Store
  /** The only one, or the first master. */
  redis!: Store
  redisCluster: RedisCluster | null = null
  sentinel: Sentinel | null = null
  /** Accepts tokens whose status list cannot be had, and polls the lists. */
  resourceApi!: Service
  /** Answers 503 to them, and waits for changes. */
  #strictApi: Service | undefined
  listReaders: ListReader[] = []
  readonly #redisPassword = randomBytes(24).toString('base64url')
  #replica: { store: Store; link: Proxy } | null = null
  #standby: { store: Store; link: Proxy; folder: string } | null = null
  postgresFolder = join(this.folder, 'postgres')
  #serverUrl = ''

  async start(servers: number, layout: Layout): Promise<void> {
    await Promise.all([this.#startPostgres(), this.#layRedis(layout)])
    this.#serverUrl = await prepareDatabase(this.postgres.url)
    for (let i = 0; i < servers; i++) {
      const [toRedis, toPostgres] = await Promise.all([startProxy(this.redis.port), startProxy(this.postgres.port)])
      const service = await this.#startServer(toRedis, toPostgres)
      const front = await startProxy(Number(new URL(service.url).port))
      this.nodes.push({ service, toRedis, toPostgres, front, url: `http://127.0.0.1:${front.port}` })
    }
    this.resourceApi = await this.#startApi('open')
    this.#strictApi = await this.#startApi('closed')
    const services = [...this.nodes.map(({ service }) => service), this.resourceApi, this.#strictApi]
    await Promise.all(services.map((service) => service.ready()))
  }

  async #startApi(mode: ListReader['mode']): Promise<Service> {
    const opsPort = String(await freePort())
    const service = await startService({
      script: RESOURCE_API,
      env: {
        ISSUER,
        JWKS_URI: `${this.node(KEYS_FROM).url}/.well-known/jwks.json`,
        LOG_LEVEL: 'warn',
        OPS_PORT: opsPort,
        STATUS_MODE: mode,
        STATUS_MAX_STALE_SECONDS: String(MAX_STALE_SECONDS),
        ...(mode === 'closed' && { STATUS_WAIT_SECONDS: '2' }),
      },
    })
    this.listReaders.push({ mode, url: service.url, opsUrl: `http://127.0.0.1:${opsPort}` })
    return service
  }

  async #layRedis(layout: Layout): Promise<void> {
    const dataDir = join(this.folder, layout)
    if (layout === 'cluster') this.redisCluster = await startRedisCluster({ dataDir })
    if (layout === 'sentinel') this.sentinel = await startSentinel({ dataDir })
    this.redis = (this.redisCluster ?? this.sentinel)?.nodes[0] ?? (await this.#startRedis())
  }

  #startServer(toRedis: Proxy, toPostgres: Proxy, env: NodeJS.ProcessEnv = {}): Promise<Service> {
    const databaseUrl = atPort(this.#serverUrl, toPostgres)
    const redisUrl = (this.redisCluster ?? this.sentinel)?.url ?? atPort(this.redis.url, toRedis)
    return startService({ script: AUTH_SERVER, env: { ...this.#env(databaseUrl, redisUrl), ...env } })
  }

  #env(databaseUrl: string, redisUrl: string): NodeJS.ProcessEnv {
    return {
      ISSUER,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      REALM_FILE: EXAMPLE_REALM,
      ...this.#secrets,
      ...WITHOUT_LIMITS,
      STATUS_TTL_SECONDS: String(STATUS_TTL_SECONDS),
      LOG_LEVEL: 'warn',
    }
  }

  /** Where servers find Postgres, past the proxies. */
  get databaseUrl(): string {
    return atPort(this.#serverUrl, this.postgres)
  }

  /** The command of the operator, past the proxies. */
  admin(command: string): Promise<void> {
    return runAdmin(this.#env(this.databaseUrl, this.redis.url), command)
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
    for (const { toRedis } of this.nodes) toRedis.aim(store.port)
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
    for (const { toPostgres } of this.nodes) toPostgres.aim(store.port)
    this.#standby = null
    await link.close()
  }

  /** Starts it on its port, without waiting until it is ready. @param clockStepMs how far a SIGWINCH moves its clock. */
  async startServer(i: number, clockStepMs?: number): Promise<void> {
    const node = this.node(i)
    await node.service.exited
    const clock = { NODE_OPTIONS: `--import ${CLOCK}`, CLOCK_STEP_MS: String(clockStepMs) }
    node.service = await this.#startServer(node.toRedis, node.toPostgres, {
      PORT: new URL(node.service.url).port,
      ...(clockStepMs !== undefined && clock),
    })
  }

  async restartServer(i: number, clockStepMs?: number): Promise<void> {
    await this.startServer(i, clockStepMs)
    await this.node(i).service.ready()
  }

  node(i: number): Node {
    const node = this.nodes[i]
    if (!node) throw new RangeError(`there is no server ${i}`)
    return node
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

  /** `admin restore` ends every session that may have ended since the backup. */
  async isEndedByRestore(token: string): Promise<boolean> {
    const id = refreshTokens([this.tokenSecret]).parse(token)?.family ?? ''
    const [row] = await this.query<{ revoked_reason: string | null }>(
      'SELECT revoked_reason FROM families WHERE id = $1',
      [Buffer.from(id, 'base64url')],
    ).catch(() => [])
    return row?.revoked_reason === 'restored'
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

  /** Stops everything that was started. */
  async stop(): Promise<void> {
    await Promise.all([
      this.resourceApi?.stop(),
      this.#strictApi?.stop(),
      ...this.nodes.map(({ service }) => service.stop()),
    ])
    await Promise.all(
      this.nodes.flatMap(({ toRedis, toPostgres, front }) => [toRedis, toPostgres, front]).map((one) => one.close()),
    )
    const redis = this.redisCluster ?? this.sentinel ?? this.redis
    await Promise.all([this.postgres?.stop(), redis?.stop(), this.#replica?.store.stop(), this.#standby?.store.stop()])
    // An interrupted fault may have left a disk mounted on it.
    spawnSync('umount', [this.postgresFolder])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function atPort(url: string, { port }: { port: number }): string {
  const changed = new URL(url)
  changed.port = String(port)
  return changed.href
}
