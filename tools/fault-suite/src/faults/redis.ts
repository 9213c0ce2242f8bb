import { inGroups } from '../in-groups.ts'
import { signalAll } from '../processes.ts'
import { Session } from '../session.ts'
import { type Fault, LAG_MS, killedBeforeItsCopy, repeated } from './fault.ts'

/** Sessions that end while Redis is down. */
const ENDED_MEANWHILE = 1_000

export const REDIS_KILLED: Fault = {
  name: 'Redis killed',
  inject: async ({ cluster }) => signalAll(cluster.redis, 'SIGKILL'),
  heal: ({ cluster }) => cluster.restartRedis(),
}

export const REDIS_FAULTS: Fault[] = [
  REDIS_KILLED,
  {
    name: 'Redis stopped, not closed',
    inject: async ({ cluster }) => signalAll(cluster.redis, 'SIGSTOP'),
    heal: async ({ cluster }) => signalAll(cluster.redis, 'SIGCONT'),
  },
  repeated('Redis flushed', 200, ({ cluster }) => cluster.withRedis((redis) => redis.flushall())),
  {
    name: 'Redis full',
    inject: ({ cluster }) =>
      cluster.withRedis((redis) => redis.config('SET', 'maxmemory', '1mb', 'maxmemory-policy', 'noeviction')),
    heal: ({ cluster }) => cluster.withRedis((redis) => redis.config('SET', 'maxmemory', '0')),
  },
  oldSnapshot(),
  {
    name: `Redis failed over to a replica that lags ${LAG_MS} ms`,
    ...killedBeforeItsCopy(
      (cluster) => cluster.addReplica(),
      ({ redis }) => redis,
    ),
    heal: ({ cluster }) => cluster.promoteReplica(),
  },
]

function oldSnapshot(): Fault {
  let ending: Session[] = []
  return {
    name: `Redis back from an old snapshot, ${ENDED_MEANWHILE} sessions ended meanwhile`,
    async prepare({ cluster, load }) {
      ending = (await load.seed(ENDED_MEANWHILE)).map((token) => new Session(load.context, token))
      await inGroups(ending, (session) => session.refresh())
      await cluster.saveSnapshot()
    },
    async inject({ cluster }) {
      signalAll(cluster.redis, 'SIGKILL')
      await cluster.redis.exited
      await inGroups(ending, (session) => session.logOut())
      cluster.putSnapshotBack()
    },
    heal: ({ cluster }) => cluster.restartRedis(),
  }
}
