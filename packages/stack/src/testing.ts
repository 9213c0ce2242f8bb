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
    /** A folder that is removed when the run is over. */
    runFolder: string
  }
}

interface TestStores {
  /** A migrated, empty database of this caller's own. */
  databaseUrl: string
  /** An empty Redis of this caller's own, which it may fill, stop or kill. */
  redisUrl: string
  redis: Store
}

/** Fresh stores, for one test file or one test. They are gone when the process that runs the file is. */
export async function testStores(): Promise<TestStores> {
  const id = randomUUID()
  const template = new URL(inject('templateUrl'))
  const maintenance = new URL('/postgres', template)
  const [databaseUrl, redis] = await Promise.all([
    createDatabase(maintenance.href, `test-${id}`, template.pathname.slice(1)),
    startRedis({ dataDir: join(inject('runFolder'), `redis-${id}`), settings: { appendonly: 'no' } }),
  ])
  if (redis === null) throw new Error('there was a Redis on the PATH when the run began')
  return { databaseUrl, redisUrl: redis.url, redis }
}
