import { inGroups } from '../in-groups.ts'
import { signalAll } from '../processes.ts'
import { Session } from '../session.ts'
import { type Fault, LAG_MS, killedBeforeItsCopy, repeated } from './fault.ts'

/** While Redis is away. */
const ENDED_MEANWHILE = 1_000

export const REDIS_KILLED: Fault = {
  name: 'Redis killed',
  inject: async ({ house }) => signalAll(house.redis, 'SIGKILL'),
  heal: ({ house }) => house.restartRedis(),
}

export const REDIS_FAULTS: Fault[] = [
  REDIS_KILLED,
  {
    name: 'Redis stopped, not closed',
    inject: async ({ house }) => signalAll(house.redis, 'SIGSTOP'),
    heal: async ({ house }) => signalAll(house.redis, 'SIGCONT'),
  },
  repeated('Redis flushed', 200, ({ house }) => house.tellRedis((redis) => redis.flushall())),
  {
    name: 'Redis full',
    inject: ({ house }) =>
      house.tellRedis((redis) => redis.config('SET', 'maxmemory', '1mb', 'maxmemory-policy', 'noeviction')),
    heal: ({ house }) => house.tellRedis((redis) => redis.config('SET', 'maxmemory', '0')),
  },
  oldSnapshot(),
  {
    name: `Redis failed over to a replica that lags ${LAG_MS} ms`,
    ...killedBeforeItsCopy(
      (house) => house.addReplica(),
      ({ redis }) => redis,
    ),
    heal: ({ house }) => house.promoteReplica(),
  },
]

function oldSnapshot(): Fault {
  let ending: Session[] = []
  return {
    name: `Redis back from an old snapshot, ${ENDED_MEANWHILE} sessions ended meanwhile`,
    async prepare({ house, load }) {
      ending = (await load.mint(ENDED_MEANWHILE)).map((token) => new Session(load.world, token))
      await inGroups(ending, (session) => session.refresh())
      await house.saveSnapshot()
    },
    async inject({ house }) {
      signalAll(house.redis, 'SIGKILL')
      await house.redis.exited
      await inGroups(ending, (session) => session.logOut())
      house.putSnapshotBack()
    },
    heal: ({ house }) => house.restartRedis(),
  }
}
