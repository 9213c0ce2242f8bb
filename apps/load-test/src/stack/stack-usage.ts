import { type Usage, usageOf } from '@heirloom/harness/processes'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { LocalStack, Server } from './local-stack.ts'

/** What the stack has done since its start. */
export interface StackUsage {
  /** By name. Empty on a system without /proc. */
  processes: Record<string, Usage & { kind: string; pid: number }>
  /** Requests to all auth servers by route, without health checks. */
  authRoutes: Record<string, number>
  /** A single query counts as one. */
  postgresTransactions: number
  redisCommands: number
}

export async function stackUsage(stack: LocalStack): Promise<StackUsage> {
  const { replicas, authServers, postgres, redis, balancer } = stack
  const pids = [
    ...[...replicas, ...authServers].map(({ name, kind, service }) => ({
      name,
      kind: kind as string,
      pid: service.pid,
    })),
    ...(postgres ? [{ name: 'Postgres', kind: 'store', pid: postgres.pid }] : []),
    ...(redis ? [{ name: 'Redis', kind: 'store', pid: redis.pid }] : []),
    ...(balancer ? [{ name: balancer.name, kind: 'balancer', pid: balancer.pid }] : []),
  ]
  const processes: StackUsage['processes'] = {}
  for (const { name, kind, pid } of pids) {
    const usage = usageOf(pid)
    if (usage) processes[name] = { kind, pid, ...usage }
  }
  const [routes, postgresTransactions, redisCommands] = await Promise.all([
    Promise.all(authServers.map(routesOf)),
    postgres ? transactionsOf(postgres.url) : 0,
    redis ? commandsOf(redis.url) : 0,
  ])
  const authRoutes: Record<string, number> = {}
  for (const [route, count] of routes.flat()) authRoutes[route] = (authRoutes[route] ?? 0) + count
  return { processes, authRoutes, postgresTransactions, redisCommands }
}

async function routesOf({ opsUrl }: Server): Promise<[string, number][]> {
  const text = await fetch(opsUrl).then(
    (response) => response.text(),
    () => '',
  )
  return [...text.matchAll(/^http_request_duration_seconds_count\{.*?route="([^"]+)".*?\} (\d+)$/gm)]
    .map(([, route = '', count]): [string, number] => [route, Number(count)])
    .filter(([route]) => route !== '/livez' && route !== '/readyz')
}

async function transactionsOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ count: string }>(
      'SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()',
    )
    return Number(rows[0]?.count)
  } finally {
    await client.end()
  }
}

async function commandsOf(url: string): Promise<number> {
  const redis = new Redis(url)
  try {
    return Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])
  } finally {
    redis.disconnect()
  }
}
