import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { inject } from 'vitest'
import { createDatabase } from './database.ts'
import { startRedis } from './redis.ts'
import type { Store } from './store.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated, empty database on the Postgres of the run. Each file copies it. */
    templateUrl: string
    /** The same database, as the role of servers. */
    serverUrl: string
    /** A folder that is removed at the end of the run. */
    runFolder: string
  }
}

interface TestStores {
  /** The caller's own migrated, empty database, as the role of servers, which reads and writes rows. */
  databaseUrl: string
  /** The same database as a superuser, for changes from outside. */
  superuserUrl: string
  /** The caller's own empty Redis, which it may fill, stop or kill. */
  redisUrl: string
  redis: Store
}

/** Fresh stores for one test file or one test. They end with the process that runs the file. */
export async function testStores(): Promise<TestStores> {
  const id = randomUUID()
  const template = new URL(inject('templateUrl'))
  const maintenance = new URL('/postgres', template)
  const [superuserUrl, redis] = await Promise.all([
    createDatabase(maintenance.href, `test-${id}`, template.pathname.slice(1)),
    startRedis({ dataDir: join(inject('runFolder'), `redis-${id}`), settings: { appendonly: 'no' } }),
  ])
  if (redis === null) throw new Error('Redis has disappeared from the PATH since the run began')
  const { pathname } = new URL(superuserUrl)
  const databaseUrl = new URL(pathname, inject('serverUrl')).href
  return { databaseUrl, superuserUrl, redisUrl: redis.url, redis }
}
