import { reasonOf } from '../../connection/store-unavailable.ts'
import type { Database } from '../../postgres/database.ts'
import { openRedis } from '../../redis/open-redis.ts'
import { FenceRow } from '../../replication/fence-row.ts'
import { RedisDeletions } from '../../replication/redis-deletions.ts'
import { UserDeletions } from '../../replication/user-deletions.ts'
import { DeletedUsers } from '../../stores/deleted-users.ts'
import { type Finding, findingOf } from './finding.ts'

const READY_WITHIN_MS = 2_000
const TIMEOUT_MS = 2_000

/** Reads only. @param database whose schema is that of this version. */
export async function checkDeletedUsers(database: Database, redisUrl: string | undefined): Promise<Finding[]> {
  const redis = redisUrl === undefined ? null : openRedis(redisUrl, () => undefined, TIMEOUT_MS)
  await redis?.ready(READY_WITHIN_MS)
  const deletions = (access: RedisDeletions | null) =>
    new UserDeletions({
      rows: new DeletedUsers(database),
      redis: access,
      fenceRow: new FenceRow(database),
      rollback: { count: async () => undefined },
    })
  try {
    // A Redis that does not answer has its own finding. Postgres knows most of it too.
    const returned = await deletions(redis && new RedisDeletions(redis))
      .returned()
      .catch(() => deletions(null).returned())
    const unfinished = await deletions(null).unfinished()
    return [
      ...(returned.length > 0
        ? [
            findingOf(
              'warning',
              'users',
              `A backup brought back ${returned.length} users who had been deleted`,
              'Run `npm run admin -- user delete-again`.',
            ),
          ]
        : []),
      ...(unfinished > 0
        ? [
            findingOf(
              'note',
              'users',
              `Redis may still have data of ${unfinished} deleted users`,
              'A server removes them once it reaches Redis.',
            ),
          ]
        : []),
    ]
  } catch (error) {
    return [findingOf('warning', 'users', reasonOf(error), 'See the log of Postgres.')]
  } finally {
    redis?.close()
  }
}
