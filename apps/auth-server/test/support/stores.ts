import { Redis } from 'ioredis'
import { afterAll } from 'vitest'
import { type Database, openDatabase } from '../../src/postgres/database.ts'
import type { TestServer } from './server.ts'

/** Clients for the stores of a server, to see what it has stored. */
export function openStores({ env, redisUrl }: Pick<TestServer, 'env' | 'redisUrl'>): {
  database: Database
  redis: Redis
} {
  const database = openDatabase({ url: env['DATABASE_URL'] ?? '', poolSize: 3, statementTimeoutMs: 5_000 })
  const redis = new Redis(redisUrl)
  afterAll(async () => {
    redis.disconnect()
    await database.$disconnect()
  })
  return { database, redis }
}
