import type { Load } from '../engine/drive.ts'
import type { Engines } from '../engine/engines.ts'
import type { LocalStack, Server } from '../stack/local-stack.ts'
import { securityEventsOf } from '../stack/security-events.ts'
import { type StackUsage, stackUsage } from '../stack/stack-usage.ts'
import { connectionsTo } from '../stack/store-connections.ts'
import { type Measured, Recorder, type Second } from './recorder.ts'

/** What a run used of the machine and the stores. */
export type Used = StackUsage & { engineCpuMs: number }

interface Run {
  engines: Engines
  /** Null if the stack is not ours: its use cannot be measured. */
  stack: LocalStack | null
  load: Load
  durationMs: number
  onSecond: (second: Second) => void
}

/** Runs the engines and measures the stack meanwhile. */
export async function measure({ engines, stack, load, durationMs, onSecond }: Run) {
  const before = stack && (await stackUsage(stack))
  const engineBefore = process.cpuUsage()
  let connections = stack && storeConnections(stack)
  const recorder = new Recorder(engines.count, (second) => {
    connections = stack && most(connections, storeConnections(stack))
    onSecond(second)
  })
  await engines.run(load, durationMs, (tick) => recorder.add(tick))
  const measured: Measured = recorder.measured()
  const { user, system } = process.cpuUsage(engineBefore)
  const after = stack && (await stackUsage(stack))
  const used: Used | null =
    before && after && isSame(before, after)
      ? { ...difference(after, before), engineCpuMs: (user + system) / 1000 }
      : null
  if (stack?.postgres && measured.anomalies.length > 0) {
    const sids = measured.anomalies.map(({ sid }) => sid)
    const events = await securityEventsOf(stack.postgres.url, sids).catch(() => null)
    measured.anomalies = measured.anomalies.map((anomaly) => ({
      ...anomaly,
      securityEvents: events?.get(anomaly.sid) ?? [],
    }))
  }
  return { measured, used, connections }
}

/** Connections to Postgres and Redis. */
export interface StoreConnections {
  authServers: number
  replicas: number
  /** How often the connections were counted. */
  samples: number
}

/** The connections of this moment. Null on a system without /proc. */
function storeConnections({ postgres, redis, authServers, replicas }: LocalStack): StoreConnections | null {
  const ports = [postgres, redis].flatMap((store) => (store ? [store.port] : []))
  const heldBy = (servers: Server[]) =>
    connectionsTo(
      ports,
      servers.map(({ service }) => service.pid),
    )
  const [byAuthServers, byReplicas] = [heldBy(authServers), heldBy(replicas)]
  if (!byAuthServers || !byReplicas) return null
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0)
  return { authServers: sum(byAuthServers), replicas: sum(byReplicas), samples: 1 }
}

const most = (seen: StoreConnections | null, now: StoreConnections | null): StoreConnections | null =>
  seen &&
  now && {
    authServers: Math.max(seen.authServers, now.authServers),
    replicas: Math.max(seen.replicas, now.replicas),
    samples: seen.samples + 1,
  }

/** The counters of a process end with it. */
const isSame = (before: StackUsage, after: StackUsage) =>
  Object.entries(before.processes).every(([name, { pid }]) => after.processes[name]?.pid === pid)

function difference(now: StackUsage, before: StackUsage): StackUsage {
  return {
    processes: Object.fromEntries(
      Object.entries(now.processes).map(([name, usage]) => [
        name,
        { ...usage, cpuMs: usage.cpuMs - (before.processes[name]?.cpuMs ?? 0) },
      ]),
    ),
    authRoutes: Object.fromEntries(
      Object.entries(now.authRoutes).map(([route, count]) => [route, count - (before.authRoutes[route] ?? 0)]),
    ),
    postgresTransactions: now.postgresTransactions - before.postgresTransactions,
    redisCommands: now.redisCommands - before.redisCommands,
  }
}
