import { refreshTokens } from '@heirloom/auth-server/internals/rules/refresh-token'
import { prepareDatabase } from '@heirloom/harness/database'
import { AUTH_SERVER, ISSUER, RESOURCE_API, WITHOUT_LIMITS, newSecrets, runAdmin } from '@heirloom/harness/services'
import { EXAMPLE_REALM, type Service, type Store, freePort, startService } from '@heirloom/local-stack'
import { type Proxy, startProxy } from './proxy.ts'
import { type ListReader, MAX_STALE_SECONDS, STATUS_TTL_SECONDS } from './revocations.ts'
import { type Layout, TestStores, atPort } from './test-stores.ts'

const CLOCK = new URL('clock.ts', import.meta.url).href
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
export class TestCluster extends TestStores {
  readonly #secrets = newSecrets()
  readonly tokenSecret = this.#secrets.TOKEN_SECRETS
  readonly nodes: Node[] = []
  /** Accepts tokens whose status list cannot be had, and polls the lists. */
  resourceApi!: Service
  /** Answers 503 to them, and waits for changes. */
  #strictApi: Service | undefined
  listReaders: ListReader[] = []
  #serverUrl = ''

  async start(servers: number, layout: Layout): Promise<void> {
    await this.startStores(layout)
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

  /** `admin restore` ends every session that may have ended since the backup. */
  async isEndedByRestore(token: string): Promise<boolean> {
    const id = refreshTokens([this.tokenSecret]).parse(token)?.family ?? ''
    const [row] = await this.query<{ revoked_reason: string | null }>(
      'SELECT revoked_reason FROM families WHERE id = $1',
      [Buffer.from(id, 'base64url')],
    ).catch(() => [])
    return row?.revoked_reason === 'restored'
  }

  protected override aim(way: 'toRedis' | 'toPostgres', { port }: Store): void {
    for (const node of this.nodes) node[way].aim(port)
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
    await this.stopStores()
  }
}
