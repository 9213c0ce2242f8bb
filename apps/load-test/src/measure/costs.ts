import type { RunResult } from '../result.ts'
import { totalsOf } from './totals.ts'

/** What carries over from one machine to another. */
export interface Costs {
  /** Requests, transactions and commands for a million calls of the resource service. */
  perMillion: { auth: number; transactions: number; redisCommands: number }
  /** Microseconds of CPU a call, of all replicas together. */
  cpuUs: number
  engineCpuUs: number
  /** Of the replicas, the engine, the auth-servers, the stores and the balancer. */
  allCpuUs: number
  /** Of one replica. It shares `ownBytes` with no other process. */
  residentBytes: number
  ownBytes: number
  keyFetches: number
}

/** Null if the stack is not ours or a process was restarted. */
export function costsOf({ used, measured }: RunResult): Costs | null {
  const { calls } = totalsOf(measured)
  if (used === null || calls === 0) return null
  const all = Object.values(used.processes)
  const replicas = all.filter(({ kind }) => kind === 'replica')
  const mean = (values: number[]) => sum(values) / Math.max(1, values.length)
  const perCall = (cpuMs: number) => (cpuMs * 1000) / calls
  const perMillion = (count: number) => (count * 1e6) / calls
  return {
    perMillion: {
      auth: perMillion(sum(Object.values(used.authRoutes))),
      transactions: perMillion(used.postgresTransactions),
      redisCommands: perMillion(used.redisCommands),
    },
    cpuUs: perCall(sum(replicas.map(({ cpuMs }) => cpuMs))),
    engineCpuUs: perCall(used.engineCpuMs),
    allCpuUs: perCall(used.engineCpuMs + sum(all.map(({ cpuMs }) => cpuMs))),
    residentBytes: mean(replicas.map(({ residentBytes }) => residentBytes)),
    ownBytes: mean(replicas.map(({ ownBytes }) => ownBytes)),
    keyFetches: used.authRoutes['/.well-known/jwks.json'] ?? 0,
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
