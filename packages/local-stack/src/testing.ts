import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { inject } from 'vitest'
import { createDatabase } from './database.ts'
import { startRedis } from './redis.ts'
import type { Store } from './store.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A migrated, empty database on the test run's Postgres, which each file copies. */
    templateUrl: string
    /** The same database, as the role that servers have. */
    serverUrl: string
    /** A folder that is removed when the run is over. */
    runFolder: string
  }
}

interface TestStores {
  /** A migrated, empty database of this caller's own, as the role that servers have: it reads and writes rows. */
  databaseUrl: string
  /** The same database as a superuser, for what a test does to it from outside. */
  superuserUrl: string
  /** An empty Redis of this caller's own, which it may fill, stop or kill. */
  redisUrl: string
  redis: Store
}

/** Fresh stores, for one test file or one test. They are gone when the process that runs the file is. */
export async function testStores(): Promise<TestStores> {
  const id = randomUUID()
  const template = new URL(inject('templateUrl'))
  const maintenance = new URL('/postgres', template)
  const [superuserUrl, redis] = await Promise.all([
    createDatabase(maintenance.href, `test-${id}`, template.pathname.slice(1)),
    startRedis({ dataDir: join(inject('runFolder'), `redis-${id}`), settings: { appendonly: 'no' } }),
  ])
  if (redis === null) throw new Error('there was a Redis on the PATH when the run began')
  const { pathname } = new URL(superuserUrl)
  const databaseUrl = new URL(pathname, inject('serverUrl')).href
  return { databaseUrl, superuserUrl, redisUrl: redis.url, redis }
}
