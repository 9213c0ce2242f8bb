import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisAccess } from '../../redis/redis-access.ts'
import { RedisCluster } from '../../redis/redis-cluster.ts'
import { RedisConnection } from '../../redis/redis-connection.ts'
import { explainRedis } from '../../redis/redis-fault.ts'
import { parseRedisUrl } from '../../redis/redis-url.ts'
import { aheadOfUs } from './check-clocks.ts'
import { type Finding, findingOf } from './finding.ts'

const READY_WITHIN_MS = 2_000
const TIMEOUT_MS = 2_000
/** The servers notice a restarted Redis within this time, and write its new id to Postgres. */
const SERVERS_NOTICE_MS = 4_000
const POLL_MS = 250

/** In a cluster, this asks the master of one key. */
const LOOK = `
  local time = redis.call('TIME')
  return {time[1], time[2], redis.call('INFO', 'memory')}`

/**
 * Writes nothing but the probe, which expires.
 * @param ofServers names the Redis of the servers, as `redisOfServers` does; null if Postgres does not say.
 */
export async function checkRedis(
  url: string | undefined,
  ofServers: (() => Promise<string>) | null,
): Promise<{ findings: Finding[]; aheadMs: number | null }> {
  const findings: Finding[] = []
  const warn = (cause: string, cure: string) => findings.push({ level: 'warning', check: 'redis', cause, cure })
  if (url === undefined) {
    if (ofServers && (await ofServers()) !== '')
      warn(
        'The servers have used Redis, but REDIS_URL is not set here',
        'Set the REDIS_URL of the servers, or leave it unset for all of them.',
      )
    return { findings, aheadMs: null }
  }
  let connectionTrouble: unknown = null
  const Access = parseRedisUrl(url).kind === 'cluster' ? RedisCluster : RedisConnection
  const redis: RedisAccess = new Access(url, (error) => (connectionTrouble = error), TIMEOUT_MS)
  try {
    const look = redis.script<[string, string, string]>('doctorLook', LOOK)
    await redis.ready(READY_WITHIN_MS)
    await redis.probe()
    let memory = ''
    const aheadMs = await aheadOfUs(async () => {
      const [seconds, microseconds, info] = await look('heirloom:probe')
      memory = info
      return Number(seconds) * 1000 + Number(microseconds) / 1000
    })
    const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1]
    if (policy !== undefined && policy !== 'noeviction')
      warn(
        `Redis evicts keys when it is full: its maxmemory-policy is ${policy}`,
        'Set maxmemory-policy to noeviction: a full Redis then refuses writes, and the servers go on through Postgres.',
      )
    if (ofServers && !(await isOfServers(redis, ofServers)))
      warn(
        'The servers use a different Redis from the one in REDIS_URL, or no server has run since this Redis started',
        'Set the REDIS_URL of the servers. If none runs, start one and run this again.',
      )
    return { findings, aheadMs }
  } catch (error) {
    const line = explainRedis(error, connectionTrouble)
    findings.push(findingOf('broken', 'redis', line, 'See the log of Redis.'))
    return { findings, aheadMs: null }
  } finally {
    redis.close()
  }
}

async function isOfServers(redis: RedisAccess, ofServers: () => Promise<string>): Promise<boolean> {
  for (const deadline = Date.now() + SERVERS_NOTICE_MS; ; await sleep(POLL_MS)) {
    const [own, theirs] = await Promise.all([redis.probe(), ofServers()])
    if (theirs === '' || theirs === own) return true
    if (Date.now() > deadline) return false
  }
}
