import { performance } from 'node:perf_hooks'
import type { Anomaly } from './request-log.ts'

export const OPERATIONS = [
  'call',
  'login',
  'refresh',
  /** A refresh that is asked for again, as its answer was lost: it has to bring the same successor. */
  'retry',
  'logout',
  'attack',
  /** Of a refresh token, which has to be seen. */
  'theft',
] as const
export type Operation = (typeof OPERATIONS)[number]

export const OUTCOMES = [
  'ok',
  /** Answered at the client's one retry. */
  'mended',
  /** Answered 429, 502 to 504, or not at all, and asked again by the client. */
  'later',
  'failed',
  /** Answered, but not with what the service says. */
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
  /** 0: no answer. */
  status: number
  server: string
  /** Milliseconds from when it was sent. */
  serviceMs: number
  /** Milliseconds from when it was due: what waited because something before it was slow is counted in full. */
  responseMs: number
}

/** Of a sample. */
const FIELDS = 6

/** What an engine saw since the last one. */
export interface Tick {
  count: number
  /** Samples one after the other, in the order of `Sample`, names as their index. */
  packed: Float64Array<ArrayBuffer>
  servers: string[]
  /** How much later than planned requests were begun, in milliseconds: what the engine itself lost. */
  lateness: Float64Array<ArrayBuffer>
  /** The share of the time that the engine's thread was busy. */
  busy: number
  /** What must not have happened; the first ones. */
  anomalies: Anomaly[]
}

/** Enough to see what is wrong. */
export const MOST_ANOMALIES = 20

/** Collects what happens in one engine, cheaply: a number a field. */
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

  anomaly(oddity: Anomaly): void {
    if (this.#anomalies.length < MOST_ANOMALIES) this.#anomalies.push(oddity)
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
