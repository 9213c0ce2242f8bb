import { performance } from 'node:perf_hooks'
import type { Anomaly } from './request-log.ts'

export const OPERATIONS = [
  'call',
  'login',
  'refresh',
  /** A refresh that is repeated because its answer was lost. It must return the same successor. */
  'retry',
  'logout',
  'attack',
  /** The theft of a refresh token, which must be detected. */
  'theft',
] as const
export type Operation = (typeof OPERATIONS)[number]

export const OUTCOMES = [
  'ok',
  /** Succeeded at the client's one retry. */
  'retried_ok',
  /** Answered 429, 502 to 504, or not at all. The client sends it again later. */
  'deferred',
  'failed',
  /** The answer does not fit the service's contract. */
  'wrong',
  /** A client with a live session was refused. */
  'false_refusal',
  /** An attack that was not refused. */
  'breach',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Sample {
  operation: Operation
  outcome: Outcome
  /** 0 if there was no answer. */
  status: number
  server: string
  /** Milliseconds from the time it was sent. */
  serviceMs: number
  /** Milliseconds from the time it was due: a wait for something slow before it counts in full. */
  responseMs: number
}

/** Numbers per sample. */
const FIELDS = 6

/** What an engine measured since its last tick. */
export interface Tick {
  count: number
  /** The samples in the order of the fields of `Sample`, with names as indexes. */
  packed: Float64Array<ArrayBuffer>
  servers: string[]
  /** How late requests began, in milliseconds: the engine's own delay. */
  lateness: Float64Array<ArrayBuffer>
  /** How busy the engine's thread was, as a share of 1. */
  busy: number
  /** The first anomalies. */
  anomalies: Anomaly[]
}

/** Enough to see the cause. */
export const MAX_ANOMALIES = 20

/** Collects the samples of one engine cheaply, as plain numbers. */
export class Tally {
  #samples: number[] = []
  #lateness: number[] = []
  #anomalies: Anomaly[] = []
  readonly #servers = new Map<string, number>()
  #utilization = performance.eventLoopUtilization()

  add({ operation, outcome, status, server, serviceMs, responseMs }: Sample): void {
    let index = this.#servers.get(server)
    if (index === undefined) this.#servers.set(server, (index = this.#servers.size))
    this.#samples.push(OPERATIONS.indexOf(operation), OUTCOMES.indexOf(outcome), status, index, serviceMs, responseMs)
  }

  begunLate(ms: number): void {
    this.#lateness.push(ms)
  }

  anomaly(anomaly: Anomaly): void {
    if (this.#anomalies.length < MAX_ANOMALIES) this.#anomalies.push(anomaly)
  }

  take(): Tick {
    const now = performance.eventLoopUtilization()
    const tick = {
      count: this.#samples.length / FIELDS,
      packed: Float64Array.from(this.#samples),
      servers: [...this.#servers.keys()],
      lateness: Float64Array.from(this.#lateness),
      busy: performance.eventLoopUtilization(now, this.#utilization).utilization,
      anomalies: this.#anomalies,
    }
    this.#samples = []
    this.#lateness = []
    this.#anomalies = []
    this.#utilization = now
    return tick
  }
}

export function* samplesOf({ packed, servers }: Tick): Generator<Sample> {
  for (let i = 0; i < packed.length; i += FIELDS) {
    const [operation = 0, outcome = 0, status = 0, server = 0, serviceMs = 0, responseMs = 0] = packed.subarray(
      i,
      i + FIELDS,
    )
    yield {
      operation: OPERATIONS[operation] ?? 'call',
      outcome: OUTCOMES[outcome] ?? 'failed',
      status,
      server: servers[server] ?? '',
      serviceMs,
      responseMs,
    }
  }
}
