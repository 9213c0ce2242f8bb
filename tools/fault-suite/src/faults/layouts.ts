import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisCluster, Sentinel } from '@heirloom/local-stack'
import type { Redis } from 'ioredis'
import type { TestCluster } from '../test-cluster.ts'
import { signalAll } from '../processes.ts'
import type { Fault } from './fault.ts'

/** Automatic fail-over: a replica takes over during the fault, and the old master then becomes its replica. */
const masterKilled = (
  name: string,
  layout: 'cluster' | 'sentinel',
  of: (cluster: TestCluster) => RedisCluster | Sentinel | null,
): Fault => ({
  name,
  layout,
  async inject({ cluster }) {
    const master = of(cluster)?.nodes[0]
    if (master) signalAll(master, 'SIGKILL')
  },
  async heal({ cluster }) {
    await of(cluster)?.nodes[0]?.exited
    await of(cluster)?.restart(0)
    const isCopy = async (redis: Redis) => (await redis.info('replication')).includes('role:slave')
    while (!(await cluster.withRedis(isCopy, of(cluster)?.nodes[0]))) await sleep(50)
  },
})

export const LAYOUT_FAULTS: Fault[] = [
  masterKilled('Redis Cluster: one of three masters killed', 'cluster', ({ redisCluster }) => redisCluster),
  masterKilled('Sentinel: the master killed', 'sentinel', ({ sentinel }) => sentinel),
]
