import { availableParallelism, cpus, totalmem } from 'node:os'
import type { SharedTokenResult } from '@heirloom/harness/shared-token'
import type { StoreConnections, Used } from './measure/measure.ts'
import type { Measured } from './measure/recorder.ts'

/** One measurement of a load. */
export interface RunResult {
  title: string
  settings: Record<string, string>
  measured: Measured
  /** Null if the stack is not ours or its processes were restarted. */
  used: Used | null
  replicas: number
  /** The most at any time. Null if they cannot be counted. */
  connections: StoreConnections | null
  /** What happened to the stack, with the second of the run. */
  events: { at: number; what: string }[]
  /** A sentence, if the engine limited the load. */
  bottleneck: string | null
  /** A sentence for each broken limit. */
  broken: string[]
}

/** One number of replicas. */
export interface Level {
  run: RunResult
  /** Milliseconds until all replicas were ready. */
  startedMs: number
}

/** One lifetime of access tokens, without status lists. */
export interface LifetimePoint {
  lifetimeSeconds: number
  /** Requests to the auth server, per client. */
  callsPerSecond: number
  /** Seconds from a logout until the service refused the access token, one per session. */
  logoutTookSeconds: number[]
}

/** What a fast logout costs. */
export interface TradeOff {
  lifetimes: LifetimePoint[]
  lists: RevocationPoint[]
  /** The body of an answer to a refresh. */
  refreshBytes: number
}

/** How soon logouts reach verifiers that keep a status list. */
export interface RevocationPoint {
  mode: 'polling' | 'waiting'
  ttlSeconds: number
  verifiers: number
  logoutsPerSecond: number
  /** The share of tokens and verifiers, by the seconds from an acknowledged logout to the last time that it was accepted. */
  delays: [seconds: number, share: number][]
  p50Ms: number
  p99Ms: number
  mostMs: number
  /** Of each verifier. Bytes are those of bodies. */
  fetchesPerSecond: number
  bytesPerSecond: number
  /** Cores that the load test itself used. */
  generatorCores: number
}

/** What became of one session whose tokens several processes share. */
export interface SharedTokenPoint extends SharedTokenResult {
  processes: number
  authServers: number
  /** Families that ended because of a reuse. */
  endedFamilies: number
}

export const machine = (): Record<string, string> => ({
  Processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores, shared by the stack and the load`,
  Memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
  System: `${process.platform} ${process.arch}, Node ${process.version}`,
})
