import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Service, type Store, freePort, startPostgres, startRedis, startService } from '@heirloom/local-stack'
import { migrate } from '../../../../prisma/migrate.ts'
import { type Balancer, type Ports, startBalancer } from './balancer.ts'
import { type EarlierSession, seedSessions } from './seed-sessions.ts'

const script = (app: string) => fileURLToPath(new URL(`../../../${app}`, import.meta.url))

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** As `npm run start:api` starts a replica. */
const AS_STARTED = {
  NODE_OPTIONS: '--max-semi-space-size=1',
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../../../../node_modules/.cache/node', import.meta.url)),
}

const ISSUER = 'http://127.0.0.1:4000'

/** A process that serves requests, and what is needed to start it again in the same place. */
export interface Server {
  name: string
  kind: 'auth-server' | 'replica'
  service: Service
  /** Where its metrics are. */
  opsUrl: string
  restart(signal: NodeJS.Signals): Promise<void>
}

/** Real stores, auth-servers and replicas of the resource service, on this machine. */
export class LocalStack {
  readonly #folder = mkdtempSync(join(tmpdir(), 'heirloom-load-'))
  /** What the auth-servers run with; the admin command, too. */
  authEnv: Record<string, string> = {}
  authServers: Server[] = []
  replicas: Server[] = []
  balancer: Balancer | null = null
  /** The same for each balancer, as clients keep the address of the auth servers. */
  #ports!: Ports
  #stopping: Promise<void> | undefined
  readonly #interrupted = () => void this.stop().finally(() => process.exit(130))
  postgres: Store | null = null
  redis: Store | null = null

  /** @param settings of the auth-servers, one each. */
  async start(settings: readonly Record<string, string>[]): Promise<void> {
    for (const signal of SIGNALS) process.on(signal, this.#interrupted)
    const settingsOfStore = { max_connections: String(50 + 12 * settings.length) }
    const postgres = await startPostgres({ dataDir: join(this.#folder, 'postgres'), settings: settingsOfStore })
    this.postgres = postgres
    this.redis = await startRedis({ dataDir: join(this.#folder, 'redis') })
    await migrate(postgres.url)
    this.#ports = { api: await freePort(), auth: await freePort() }
    const secret = () => randomBytes(32).toString('base64')
    this.authEnv = {
      ISSUER,
      DATABASE_URL: postgres.url,
      ...(this.redis && { REDIS_URL: this.redis.url }),
      TOKEN_SECRETS: secret(),
      KEY_ENCRYPTION_SECRET: secret(),
      REGISTRATION: 'open',
      // The load comes from one address, with the right passwords; what is throttled is not what is measured.
      LOGIN_ATTEMPTS_PER_ADDRESS: '1000000',
      LOGIN_ATTEMPTS_PER_ACCOUNT: '1000000',
      LOGINS_PER_USER: '1000000',
      SESSIONS_PER_USER: '100000',
      LOG_LEVEL: 'silent',
    }
    this.authServers = await Promise.all(
      settings.map((own, i) => startServer('auth-server', `auth-server ${i + 1}`, { ...this.authEnv, ...own })),
    )
  }

  /**
   * In the place of those that run. Answers the milliseconds until all were ready.
   *
   * @param isBalanced whether a balancer stands before them, if there is one.
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

  /** Where clients go: to the balancer, or to each replica in turn. */
  get apiUrls(): string[] {
    return this.balancer ? [this.balancer.apiUrl] : this.replicas.map(({ service }) => service.url)
  }

  get authUrls(): string[] {
    return this.balancer ? [this.balancer.authUrl] : this.authServers.map(({ service }) => service.url)
  }

  /** Sessions of these users, opened earlier: the refresh token of each. */
  seedSessions(usernames: string[]): Promise<EarlierSession[]> {
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
    await Promise.all([this.postgres?.stop(), this.redis?.stop()])
    rmSync(this.#folder, { recursive: true, force: true })
    for (const signal of SIGNALS) process.off(signal, this.#interrupted)
  }
}

async function startServer(kind: Server['kind'], name: string, env: Record<string, string>): Promise<Server> {
  const [port, opsPort] = [String(await freePort()), String(await freePort())]
  const path = script(kind === 'replica' ? 'resource-api' : 'auth-server')
  const startOnce = async () => {
    const service = await startService({ script: path, env: { ...env, PORT: port, OPS_PORT: opsPort } })
    await service.ready()
    return service
  }
  // On a machine that is busy with all the others, Postgres may be too slow for one that starts.
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
