import { availableParallelism, cpus, totalmem } from 'node:os'
import type { StoreConnections, Used } from './measure/measure.ts'
import type { Measured } from './measure/recorder.ts'

/** One measurement of a load. */
export interface RunResult {
  title: string
  settings: Record<string, string>
  measured: Measured
  /** Null: the stack was not ours to look into, or its processes were restarted. */
  used: Used | null
  replicas: number
  /** The most that were seen at a time. Null where it cannot be seen. */
  connections: StoreConnections | null
  /** What happened to the stack meanwhile, with the second. */
  events: { at: number; what: string }[]
  /** Where the engine limited the load. */
  bottleneck: string | null
  /** Sentences. */
  broken: string[]
}

/** One number of replicas. */
export interface Level {
  run: RunResult
  /** Milliseconds until all replicas were ready. */
  startedMs: number
}

/** One lifetime of access tokens. */
export interface LifetimePoint {
  lifetimeSeconds: number
  /** On the auth server, for each client. */
  callsPerSecond: number
  /** Seconds from a logout until the service refused the access token, for some sessions. */
  logoutTookSeconds: number[]
}

export const machine = (): Record<string, string> => ({
  Processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores, shared by stack and load`,
  Memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
  System: `${process.platform} ${process.arch}, Node ${process.version}`,
})
