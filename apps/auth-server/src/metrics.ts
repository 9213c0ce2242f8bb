import { Counter, Gauge, type Registry } from 'prom-client'
import type { Core } from './services/core.ts'
import type { SecurityEvent } from './services/security-event.ts'

/** How far those of the stores are from this server's. */
export class StoreClocks {
  #farthestMs = 0

  see(aheadMs: number): void {
    if (Math.abs(aheadMs) > Math.abs(this.#farthestMs)) this.#farthestMs = aheadMs
  }

  /** Since it was last asked. Milliseconds. */
  takeFarthest(): number {
    const farthestMs = this.#farthestMs
    this.#farthestMs = 0
    return farthestMs
  }
}

/** What can be counted without asking a store. */
interface Measured {
  core: Pick<Core, 'hasher' | 'signer' | 'events'>
  isRedisEnabled: () => boolean | null
  isPostgresRolledBack: () => boolean
  updatesWaiting: () => number
  clocks: StoreClocks
}

/** The gauges are read when somebody asks for them. */
export function addGauges(metrics: Registry, measured: Measured): void {
  const { core, isRedisEnabled, isPostgresRolledBack, updatesWaiting, clocks } = measured
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `heirloom_${name}`,
      help,
      registers: [metrics],
      collect() {
        this.set(read())
      },
    })
  const trusted = isRedisEnabled()
  if (trusted !== null)
    gauge('redis_trusted', '1: refreshes go through Redis; 0: through Postgres', () => Number(isRedisEnabled()))
  gauge('postgres_older', '1: Postgres has lost what it acknowledged, and nothing is decided until a restore', () =>
    Number(isPostgresRolledBack()),
  )
  gauge(
    'store_clock_ahead_seconds',
    'How far a store was ahead of this server, at the most since the last look here; by logins and refreshes',
    () => clocks.takeFarthest() / 1000,
  )
  gauge('marks_waiting', 'Families whose marks are not yet in Postgres', updatesWaiting)
  gauge('password_hashes_waiting', 'Requests that wait for a password hash', () => core.hasher.waiting)
  gauge('signatures_waiting', 'Access tokens that are being signed or wait for it', () => core.signer.waiting)
  gauge('security_events_waiting', 'Security events that are not yet in Postgres', () => core.events.waiting)
  gauge(
    'security_events_left_out',
    'Security events that found no place while Postgres was away',
    () => core.events.leftOut,
  )
}

/** Answers a function that counts security events by type and reason. */
export function eventCounter(metrics: Registry): (event: SecurityEvent) => void {
  const counter = new Counter({
    name: 'heirloom_security_events_total',
    help: 'Security events',
    labelNames: ['type', 'reason'],
    registers: [metrics],
  })
  // An alert sees a change, and no first value.
  for (const reason of ['server', 'operator']) counter.inc({ type: 'postgres_restored', reason }, 0)
  return (event) => counter.inc({ type: event.type, reason: 'reason' in event ? event.reason : '' })
}
