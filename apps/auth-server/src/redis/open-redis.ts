import type { RedisAccess } from './redis-access.ts'
import { RedisCluster } from './redis-cluster.ts'
import { RedisConnection } from './redis-connection.ts'
import { parseRedisUrl } from './redis-url.ts'

/** Connects to the Redis or the cluster that a URL names. @param onError is called with each error of a connection. */
export function openRedis(url: string, onError: (error: Error) => void, timeoutMs: number): RedisAccess {
  const Access = parseRedisUrl(url).kind === 'cluster' ? RedisCluster : RedisConnection
  return new Access(url, onError, timeoutMs)
}
