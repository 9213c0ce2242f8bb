import { type Histogram, build } from 'hdr-histogram-js'
import {
  MAX_ANOMALIES,
  OPERATIONS,
  OUTCOMES,
  type Operation,
  type Outcome,
  type Tick,
  samplesOf,
} from '../engine/tally.ts'
import type { Anomaly } from '../engine/request-log.ts'

/** In microseconds, to three digits. */
const histogram = (): Histogram => build({ numberOfSignificantValueDigits: 3, autoResize: true })

const record = (into: Histogram, ms: number) => into.recordValue(Math.max(1, Math.round(ms * 1000)))

export const PERCENTILES = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100]

/** Milliseconds, in the order of `PERCENTILES`. */
export type Latencies = number[]

export const at = (latencies: Latencies, percentile: number) => latencies[PERCENTILES.indexOf(percentile)] ?? 0

const latenciesOf = (from: Histogram): Latencies => PERCENTILES.map((p) => from.getValueAtPercentile(p) / 1000)

/** One measurement of about a second. Counts are per second. */
export interface Second {
  /** Seconds since the load began, at its end. */
  at: number
  calls: number
  failed: number
  /** Requests to the auth servers. */
  authCalls: number
  /** Milliseconds. */
  p50: number
  p99: number
  worst: number
  /** Calls that each server answered. */
  servers: Record<string, number>
  /** How busy the busiest engine was, as a share of 1. */
  engineBusy: number
}

interface ServerSeen {
  calls: number
  p99: number
  failed: number
}

export interface Measured {
  seconds: Second[]
  elapsedMs: number
  counts: Record<Operation, Record<Outcome, number>>
  /** How often each answer other than 2xx came, such as `refresh 503`. Attacks and thefts do not count. */
  non2xx: Record<string, number>
  /** The first that failed or were refused. */
  anomalies: Anomaly[]
  /** Of calls, from the time they were due. */
  response: Latencies
  /** Of calls, from the time they were sent. */
  service: Latencies
  /** Of each operation on the auth server. */
  operations: Partial<Record<Operation, { count: number; p50: number; p99: number }>>
  servers: Record<string, ServerSeen>
  engine: { busy: number; latenessP99: number }
}

const SHORTEST_SECONDS = 0.5

const newSecond = () => ({
  calls: 0,
  failed: 0,
  authCalls: 0,
  response: histogram(),
  servers: {} as Record<string, number>,
  engineBusy: 0,
})

/** Sums up what the engines measured, per second and in total. */
export class Recorder {
  readonly #began = performance.now()
  readonly #engines: number
  readonly #onSecond: (second: Second) => void
  #ticks = 0
  #secondBegan = this.#began
  #now = newSecond()
  readonly #seconds: Second[] = []
  readonly #counts = Object.fromEntries(
    OPERATIONS.map((operation) => [operation, Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0]))]),
  ) as Measured['counts']
  readonly #non2xx: Record<string, number> = {}
  readonly #anomalies: Anomaly[] = []
  readonly #response = histogram()
  readonly #service = histogram()
  readonly #operations = new Map<Operation, Histogram>()
  readonly #servers = new Map<string, { calls: number; failed: number; response: Histogram }>()
  readonly #lateness = histogram()
  readonly #busy: number[] = []

  /** @param onSecond called when each engine has reported about one more second. */
  constructor(engines: number, onSecond: (second: Second) => void) {
    this.#engines = engines
    this.#onSecond = onSecond
  }

  add(tick: Tick): void {
    this.#busy.push(tick.busy)
    this.#anomalies.push(...tick.anomalies.slice(0, MAX_ANOMALIES - this.#anomalies.length))
    this.#now.engineBusy = Math.max(this.#now.engineBusy, tick.busy)
    for (const ms of tick.lateness) record(this.#lateness, ms)
    for (const { operation, outcome, status, server, serviceMs, responseMs } of samplesOf(tick)) {
      this.#counts[operation][outcome]++
      if ((status < 200 || status > 299) && !isHostile(operation)) {
        const answer = `${operation} ${status || 'without an answer'}`
        this.#non2xx[answer] = (this.#non2xx[answer] ?? 0) + 1
      }
      if (isFailure(outcome)) this.#now.failed++
      if (operation === 'call') {
        this.#now.calls++
        record(this.#now.response, responseMs)
        record(this.#response, responseMs)
        record(this.#service, serviceMs)
        const seen = this.#servers.get(server) ?? { calls: 0, failed: 0, response: histogram() }
        this.#servers.set(server, seen)
        seen.calls++
        this.#now.servers[server] = (this.#now.servers[server] ?? 0) + 1
        if (isFailure(outcome)) seen.failed++
        record(seen.response, responseMs)
      } else {
        if (!isHostile(operation) && server !== '') this.#now.authCalls++
        const seen = this.#operations.get(operation) ?? histogram()
        this.#operations.set(operation, seen)
        record(seen, serviceMs)
      }
    }
    if (++this.#ticks % this.#engines === 0) this.#endSecond()
  }

  #endSecond(): void {
    const now = performance.now()
    const seconds = (now - this.#secondBegan) / 1000
    // The rest after the last whole second.
    if (seconds < SHORTEST_SECONDS) return
    const { response, engineBusy, servers, ...counted } = this.#now
    const perSecond = (count: number) => count / seconds
    const second = {
      at: (now - this.#began) / 1000,
      calls: perSecond(counted.calls),
      failed: perSecond(counted.failed),
      authCalls: perSecond(counted.authCalls),
      p50: response.getValueAtPercentile(50) / 1000,
      p99: response.getValueAtPercentile(99) / 1000,
      worst: response.maxValue / 1000,
      servers: Object.fromEntries(Object.entries(servers).map(([server, count]) => [server, perSecond(count)])),
      engineBusy,
    }
    this.#seconds.push(second)
    this.#onSecond(second)
    this.#now = newSecond()
    this.#secondBegan = now
  }

  measured(): Measured {
    return {
      seconds: this.#seconds,
      elapsedMs: performance.now() - this.#began,
      counts: this.#counts,
      non2xx: this.#non2xx,
      anomalies: this.#anomalies,
      response: latenciesOf(this.#response),
      service: latenciesOf(this.#service),
      operations: Object.fromEntries(
        [...this.#operations].map(([operation, seen]) => [
          operation,
          {
            count: seen.totalCount,
            p50: seen.getValueAtPercentile(50) / 1000,
            p99: seen.getValueAtPercentile(99) / 1000,
          },
        ]),
      ),
      servers: Object.fromEntries(
        [...this.#servers]
          .filter(([server]) => server !== '')
          .map(([server, { calls, failed, response }]) => [
            server,
            { calls, failed, p99: response.getValueAtPercentile(99) / 1000 },
          ]),
      ),
      engine: {
        busy: this.#busy.reduce((sum, busy) => sum + busy, 0) / Math.max(1, this.#busy.length),
        latenessP99: this.#lateness.getValueAtPercentile(99) / 1000,
      },
    }
  }
}

const FAILURES: readonly Outcome[] = ['failed', 'wrong', 'false_refusal', 'breach']
const isFailure = (outcome: Outcome) => FAILURES.includes(outcome)

/** The service has to refuse these. */
const isHostile = (operation: Operation) => operation === 'attack' || operation === 'theft'
