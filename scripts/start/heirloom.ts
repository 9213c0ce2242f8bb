import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { migrate } from '../../prisma/migrate.ts'
import { openDataFolder } from './data-folder.ts'
import { EXAMPLE_REALM, serviceUrl, startService } from '@heirloom/local-stack'
import { type DemoRealm, readDemoRealm } from './demo-realm.ts'
import { ensureDemoUser } from './demo-user.ts'
import { untilFree } from './ports.ts'
import { openServiceLog } from './service-log.ts'
import { givenSettings, OF_THE_OWNER, STORES_AND_SECRETS } from './settings.ts'
import { openStores } from './stores.ts'

export interface HeirloomOptions {
  dataDir: string
  authPort: number
  apiPort: number
  /** The environment of the services, with their settings. */
  env: NodeJS.ProcessEnv
  /** Called with one line about each step. */
  say: (line: string) => void
  /** Stops the start between two steps. */
  signal?: AbortSignal
}

export interface Heirloom {
  authUrl: string
  apiUrl: string
  /** Null if the user existed before this data folder. */
  demoPassword: string | null
  /** As it was when the servers were ready. */
  realm: DemoRealm
  /** Resolves, with one line, if a service stops by itself. */
  failed: Promise<string>
  /** Stops the services first, so that they can write to the stores. */
  stop(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const AUTH_SERVER = `${root}apps/auth-server`
const RESOURCE_API = `${root}apps/resource-api`
/** The default of its AUDIENCE. */
const RESOURCE_API_ID = 'resource-api'

/** How long the processes of a killed copy may take to stop. */
const ABANDONED_MS = 15_000

/**
 * Starts the stores and both services on a data folder, and waits until all are ready. If one does not start, it stops
 * everything and throws, with one line.
 */
export async function startHeirloom(options: HeirloomOptions): Promise<Heirloom> {
  const { env, say, signal, authPort, apiPort } = options
  // Undone in reverse order: at the end of a run, or right here when a step throws.
  await using steps = new AsyncDisposableStack()

  const folder = steps.adopt(openDataFolder(options.dataDir), (opened) => opened.close())
  const patienceMs = folder.wasAbandoned ? ABANDONED_MS : 0
  await untilFree(authPort, 'AUTH_PORT', patienceMs)
  await untilFree(apiPort, 'API_PORT', patienceMs)
  signal?.throwIfAborted()

  const { DATABASE_OWNER_URL, DATABASE_SERVER_ROLE, ...stores } = await openStores(folder.path, env, steps, say)
  signal?.throwIfAborted()
  await migrate(DATABASE_OWNER_URL, undefined, DATABASE_SERVER_ROLE)
  signal?.throwIfAborted()

  const { DEMO_PASSWORD, ...secrets } = folder.secrets
  const authUrl = serviceUrl(env['HOST'], authPort)
  const apiUrl = serviceUrl(env['HOST'], apiPort)
  const defaults = { NODE_ENV: 'development', ISSUER: authUrl }
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value)) // empty counts as absent
  const authEnv: NodeJS.ProcessEnv = {
    ...defaults,
    REALM_FILE: EXAMPLE_REALM,
    ...secrets,
    ...given,
    ...stores,
    PORT: String(authPort),
  }
  const apiEnv: NodeJS.ProcessEnv = { ...defaults, ...given, PORT: String(apiPort), OPS_PORT: secondOpsPort(env) }
  for (const name of STORES_AND_SECRETS) delete apiEnv[name]
  for (const name of OF_THE_OWNER) {
    delete authEnv[name]
    delete apiEnv[name]
  }
  folder.writeRunning({ ...givenSettings(authEnv), AUTH_URL: authUrl, API_URL: apiUrl })

  const failed = Promise.withResolvers<string>()
  const start = async (name: string, script: string, serviceEnv: NodeJS.ProcessEnv) => {
    const log = steps.use(openServiceLog(folder.path, name, say))
    const service = await startService({ script, env: serviceEnv, onLine: log.take })
    steps.defer(() => service.stop())
    void service.exited.then(() => failed.resolve(`${name} has stopped. Its log is ${log.file}`))
    return service
  }
  const authServer = await start('auth-server', AUTH_SERVER, authEnv)
  const getReady = async () => {
    // The resource service fetches the keys as soon as it runs, and warns if nobody answers.
    await authServer.ready()
    const realm = await readDemoRealm(authEnv['DATABASE_URL'])
    const startApi = async () => {
      const service = await start('resource-api', RESOURCE_API, { ...audienceIn(realm), ...apiEnv })
      await service.ready()
    }
    const [demoIsNew] = await Promise.all([ensureDemoUser(authEnv, DEMO_PASSWORD, realm), startApi()])
    return { realm, demoIsNew }
  }
  const ready = getReady()
  const { realm, demoIsNew } = await (signal ? Promise.race([ready, rejectOnAbort(signal)]) : ready)

  const running = steps.move()
  return {
    authUrl,
    apiUrl,
    demoPassword: demoIsNew || !folder.isNew ? DEMO_PASSWORD : null,
    realm,
    failed: failed.promise,
    stop: () => running.disposeAsync(),
  }
}

async function rejectOnAbort(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw signal.reason
}

/** Which resource of the realm the resource service is: by default its own name, or the first that there are tokens for. */
function audienceIn({ resources: [first, ...others] }: DemoRealm): { AUDIENCE?: string } {
  const isThere = first === undefined || [first, ...others].includes(RESOURCE_API_ID)
  return isThere ? {} : { AUDIENCE: first }
}

/** Two services on one machine need two ports for their metrics. */
const secondOpsPort = ({ OPS_PORT }: NodeJS.ProcessEnv): string | undefined => OPS_PORT && String(Number(OPS_PORT) + 1)
