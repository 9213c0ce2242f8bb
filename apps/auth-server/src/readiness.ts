import { checkDatabase } from './postgres/check-database.ts'
import type { Database } from './postgres/database.ts'
import { READ_ONLY_DESCRIPTION } from './postgres/postgres-fault.ts'
import type { RedisAccess } from './redis/redis-access.ts'
import { explainRedis } from './redis/redis-fault.ts'
import type { RedisFence } from './replication/redis-fence.ts'
import type { RollbackDetector } from './replication/rollback-detector.ts'
import type { RealmKeeper } from './services/realm/realm-keeper.ts'
import { reasonOf } from './connection/store-unavailable.ts'

export const ANOTHER_REDIS = 'another server uses another Redis: REDIS_URL must lead all servers to the same one'

interface Parts {
  database: Database
  fence: RedisFence
  rollback: RollbackDetector
  redis: RedisAccess | null
  /** The last error of the connection to Redis. */
  redisError: () => unknown
  realm: Pick<RealmKeeper, 'isEmpty'>
}

const NO_REALM =
  'the realm is empty, so nobody can log in: name a file in REALM_FILE, or run `npm run admin -- realm apply FILE`'

/** What an operator has to know about the stores, in sentences. */
export function readinessOf({ database, fence, rollback, redis, redisError, realm }: Parts) {
  /** Why this server does not use its Redis. Null if it does, or if it has none. */
  const whyNoRedis = (): string | null => {
    if (!redis) return null
    if (fence.isContested) return ANOTHER_REDIS
    if (fence.isEnabled) return null
    return fence.trouble === null
      ? 'another server works without it, or it must first catch up with Postgres'
      : explainRedis(fence.trouble, redisError())
  }
  const whyNoRealm = (): string | null => (realm.isEmpty ? NO_REALM : null)
  /** What keeps this server from serving. Empty if it is ready. */
  const notReady = async (): Promise<string[]> => {
    if (rollback.fault) return [rollback.fault.message]
    if (realm.isEmpty) return [NO_REALM]
    // One store is enough to refresh: an enabled Redis, or a Postgres that accepts writes.
    if (fence.isEnabled) return []
    const reason = whyNoRedis()
    const withoutRedis = reason === null ? [] : [`Redis is not used: ${reason}`]
    return checkDatabase(database).then(
      ({ isReadOnly }) => (isReadOnly ? [...withoutRedis, READ_ONLY_DESCRIPTION] : []),
      (error: unknown) => [...withoutRedis, reasonOf(error)],
    )
  }
  return { whyNoRedis, whyNoRealm, notReady }
}
