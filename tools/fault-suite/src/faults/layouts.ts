import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisCluster, Sentinel } from '@heirloom/local-stack'
import type { Redis } from 'ioredis'
import type { TestCluster } from '../test-cluster.ts'
import { signalAll } from '../processes.ts'
import type { Fault } from './fault.ts'

/** Nodes that look after themselves: a replica takes over while the fault lasts, and the old master then copies it. */
const masterKilled = (
  name: string,
  layout: 'cluster' | 'sentinel',
  of: (house: TestCluster) => RedisCluster | Sentinel | null,
): Fault => ({
  name,
  layout,
  async inject({ house }) {
    const master = of(house)?.nodes[0]
    if (master) signalAll(master, 'SIGKILL')
  },
  async heal({ house }) {
    await of(house)?.nodes[0]?.exited
    await of(house)?.restart(0)
    const isCopy = async (redis: Redis) => (await redis.info('replication')).includes('role:slave')
    while (!(await house.tellRedis(isCopy, of(house)?.nodes[0]))) await sleep(50)
  },
})

export const LAYOUT_FAULTS: Fault[] = [
  masterKilled('Redis Cluster: one of three masters killed', 'cluster', ({ redisCluster }) => redisCluster),
  masterKilled('Sentinel: the master killed', 'sentinel', ({ sentinel }) => sentinel),
]
