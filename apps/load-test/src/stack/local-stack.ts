import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepareDatabase } from '@heirloom/harness/database'
import { type SeededSession, seedSessions } from '@heirloom/harness/seed-sessions'
import { AUTH_SERVER, ISSUER, RESOURCE_API, WITHOUT_LIMITS, newSecrets } from '@heirloom/harness/services'
import { type Stores, startStores } from '@heirloom/harness/stores'
import { type Service, type Store, freePort, startService } from '@heirloom/local-stack'
import type { Login, LoginWay } from '../engine/login.ts'
import { type Balancer, type Ports, startBalancer } from './balancer.ts'
import { writeRealm } from './realm.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The options of `npm run start:api`. */
const AS_STARTED = { NODE_OPTIONS: '--max-semi-space-size=1' }

/** A service process that can be restarted on its ports. */
export interface Server {
  name: string
  kind: 'auth-server' | 'replica'
  service: Service
  /** The URL of its metrics. */
  opsUrl: string
  restart(signal: NodeJS.Signals): Promise<void>
}

/** Real stores, auth servers and replicas of the resource service on this machine. */
export class LocalStack {
  readonly #folder = mkdtempSync(join(tmpdir(), 'heirloom-load-'))
  /** The settings of the auth-servers and of the admin command. */
  authEnv: Record<string, string> = {}
  /** How clients log in. */
  logins!: Record<LoginWay, Login>
  authServers: Server[] = []
  replicas: Server[] = []
  balancer: Balancer | null = null
  /** Every balancer uses the same ports, as clients keep the address of the auth servers. */
  #ports!: Ports
  #stopping: Promise<void> | undefined
  readonly #interrupted = () => void this.stop().finally(() => process.exit(130))
  #stores: Promise<Stores> | undefined
  /** Its URL is a superuser's: servers have another role. */
  postgres: Store | null = null
  redis: Store | null = null

  /**
   * @param settings one per auth server.
   * @param fill called with the URL of a superuser, before the servers start.
   */
  async start(
    settings: readonly Record<string, string>[],
    fill: (superuserUrl: string) => Promise<void> = async () => undefined,
  ): Promise<void> {
    for (const signal of SIGNALS) process.on(signal, this.#interrupted)
    const postgresSettings = { max_connections: String(50 + 12 * settings.length) }
    this.#stores = startStores({ dataDir: this.#folder, postgresSettings })
    const { postgres, redis } = await this.#stores
    this.postgres = postgres
    this.redis = redis
    this.#ports = { api: await freePort(), auth: await freePort() }
    const realm = join(this.#folder, 'realm.yaml')
    this.logins = writeRealm(realm)
    this.authEnv = {
      ISSUER,
      DATABASE_URL: await prepareDatabase(postgres.url),
      ...(redis && { REDIS_URL: redis.url }),
      REALM_FILE: realm,
      ...newSecrets(),
      ...WITHOUT_LIMITS,
      LOG_LEVEL: 'silent',
    }
    await fill(postgres.url)
    this.authServers = await Promise.all(
      settings.map((own, i) => startServer('auth-server', `auth-server ${i + 1}`, { ...this.authEnv, ...own })),
    )
  }

  /**
   * Replaces the running replicas. Returns the milliseconds until all are ready.
   *
   * @param isBalanced whether to put a balancer in front, if one is installed.
   */
  async startReplicas(count: number, isBalanced = true): Promise<number> {
    await this.balancer?.stop()
    await Promise.all(this.replicas.map(({ service }) => service.stop()))
    const began = performance.now()
    this.replicas = await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const auth = this.authServers[i % this.authServers.length]
        const jwksUri = `${auth?.service.url}/.well-known/jwks.json`
        const env = { ISSUER, JWKS_URI: jwksUri, LOG_LEVEL: 'silent', ...AS_STARTED }
        return startServer('replica', `replica ${i + 1}`, env)
      }),
    )
    const startedMs = performance.now() - began
    this.balancer = null
    if (!isBalanced) return startedMs
    const urls = (servers: Server[]) => servers.map(({ service }) => service.url)
    this.balancer = await startBalancer({
      apiUrls: urls(this.replicas),
      authUrls: urls(this.authServers),
      ports: this.#ports,
      folder: this.#folder,
    })
    return startedMs
  }

  /** What clients call: the balancer, or each replica in turn. */
  get apiUrls(): string[] {
    return this.balancer ? [this.balancer.apiUrl] : this.replicas.map(({ service }) => service.url)
  }

  get authUrls(): string[] {
    return this.balancer ? [this.balancer.authUrl] : this.authServers.map(({ service }) => service.url)
  }

  /** Opens a session for each of these users without a login. */
  seedSessions(usernames: string[]): Promise<SeededSession[]> {
    const { DATABASE_URL = '', TOKEN_SECRETS = '' } = this.authEnv
    return seedSessions({ databaseUrl: DATABASE_URL, tokenSecret: TOKEN_SECRETS }, usernames)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await this.balancer?.stop()
    await Promise.all([...this.replicas, ...this.authServers].map(({ service }) => service.stop()))
    await (await this.#stores?.catch(() => undefined))?.stop()
    rmSync(this.#folder, { recursive: true, force: true })
    for (const signal of SIGNALS) process.off(signal, this.#interrupted)
  }
}

async function startServer(kind: Server['kind'], name: string, env: Record<string, string>): Promise<Server> {
  const [port, opsPort] = [String(await freePort()), String(await freePort())]
  const script = kind === 'replica' ? RESOURCE_API : AUTH_SERVER
  const startOnce = async () => {
    const service = await startService({ script, env: { ...env, PORT: port, OPS_PORT: opsPort } })
    await service.ready()
    return service
  }
  // All servers start at once, and Postgres may be too slow for one of them on a busy machine.
  const start = () => startOnce().catch(startOnce)
  const server: Server = {
    name,
    kind,
    service: await start(),
    opsUrl: `http://127.0.0.1:${opsPort}/metrics`,
    async restart(signal) {
      server.service.kill(signal)
      await server.service.exited
      server.service = await start()
    },
  }
  return server
}
