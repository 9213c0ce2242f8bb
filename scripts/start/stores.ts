import { join } from 'node:path'
import { keptPassword, startPostgres, startRedis, type Store } from '@heirloom/local-stack'
import { prepareRoles } from '../../prisma/roles.ts'

interface StoreUrls {
  DATABASE_URL: string
  /** For the role that migrates. No service gets it. */
  DATABASE_OWNER_URL: string
  /** The role in DATABASE_URL, if it is not the owner. */
  DATABASE_SERVER_ROLE: string | undefined
  /** Undefined for Postgres alone. */
  REDIS_URL: string | undefined
}

/** Uses the stores that the environment names, and starts the others on the data folder. */
export async function openStores(
  dataDir: string,
  env: NodeJS.ProcessEnv,
  steps: AsyncDisposableStack,
  say: (line: string) => void,
): Promise<StoreUrls> {
  const own = (name: string, store: Store) => {
    let stopping = false
    steps.defer(() => {
      stopping = true
      return store.stop()
    })
    void store.exited.then(() => stopping || say(`${name} has stopped.`))
    say(`${name}: port ${store.port}, data in ${join(dataDir, name.toLowerCase())}`)
    return store.url
  }

  const { DATABASE_URL = '', DATABASE_OWNER_URL, DATABASE_SERVER_ROLE, REDIS_URL } = env
  const stores: StoreUrls = {
    DATABASE_URL,
    DATABASE_OWNER_URL: DATABASE_OWNER_URL || DATABASE_URL,
    DATABASE_SERVER_ROLE,
    REDIS_URL,
  }
  if (DATABASE_URL) say('Postgres: the one in DATABASE_URL')
  else {
    const folder = join(dataDir, 'postgres')
    const adminUrl = own('Postgres', await startPostgres({ dataDir: folder }))
    Object.assign(stores, await ownRoles(adminUrl, folder))
  }

  if (REDIS_URL) {
    say('Redis: the one in REDIS_URL')
    return stores
  }
  // An empty REDIS_URL means no Redis.
  const redis = REDIS_URL === undefined ? await startRedis({ dataDir: join(dataDir, 'redis') }) : null
  if (redis) stores.REDIS_URL = own('Redis', redis)
  else
    say(
      'Redis: none. REDIS_URL is empty, or neither redis-server nor valkey-server is on the PATH. Postgres does all the work.',
    )
  return stores
}

/** Creates the roles. The superuser is used for nothing else. */
async function ownRoles(adminUrl: string, folder: string) {
  const urlOf = (role: string) => {
    const url = new URL(adminUrl)
    url.username = role
    url.password = keptPassword(join(folder, `${role}.password`))
    return url.href
  }
  const [ownerUrl, serverUrl] = [urlOf('heirloom_owner'), urlOf('heirloom_server')]
  await prepareRoles({ adminUrl, ownerUrl, serverUrl })
  return { DATABASE_URL: serverUrl, DATABASE_OWNER_URL: ownerUrl, DATABASE_SERVER_ROLE: 'heirloom_server' }
}
