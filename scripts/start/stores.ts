import { join } from 'node:path'
import { startPostgres, startRedis, type Store } from '@heirloom/stack'

interface StoreUrls {
  DATABASE_URL: string
  /** None: Postgres alone. */
  REDIS_URL: string | undefined
}

/** The stores that the environment names, and those that it does not name, started on the data folder. */
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
    say(`${name}: port ${store.port}, kept in ${join(dataDir, name.toLowerCase())}`)
    return store.url
  }

  const { DATABASE_URL = '', REDIS_URL } = env
  const stores: StoreUrls = { DATABASE_URL, REDIS_URL }
  if (DATABASE_URL) say('Postgres: the one that DATABASE_URL names')
  else stores.DATABASE_URL = own('Postgres', await startPostgres({ dataDir: join(dataDir, 'postgres') }))

  if (REDIS_URL) {
    say('Redis: the one that REDIS_URL names')
    return stores
  }
  // An empty REDIS_URL is how to ask for none.
  const redis = REDIS_URL === undefined ? await startRedis({ dataDir: join(dataDir, 'redis') }) : null
  if (redis) stores.REDIS_URL = own('Redis', redis)
  else
    say(
      'Redis: none (REDIS_URL is empty, or no redis-server and no valkey-server is on the PATH), so Postgres does it alone',
    )
  return stores
}
