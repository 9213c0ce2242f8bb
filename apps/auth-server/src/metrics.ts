import { Counter, Gauge, type Registry } from 'prom-client'
import type { SecurityEvent } from './services/security-event.ts'
import type { StatusLists } from './services/status-lists.ts'

/** How far the stores' clocks are from this server's. */
export class StoreClocks {
  #farthestMs = 0

  /** @param now the store's time in milliseconds. */
  see(now: number): void {
    const aheadMs = now - Date.now()
    if (Math.abs(aheadMs) > Math.abs(this.#farthestMs)) this.#farthestMs = aheadMs
  }

  /** The largest difference since the last call, in milliseconds. */
  takeFarthest(): number {
    const farthestMs = this.#farthestMs
    this.#farthestMs = 0
    return farthestMs
  }
}

/** What the gauges read: values in memory, so a scrape asks no store. */
interface Measured {
  /** Null for a server without Redis, which then has no such gauge. */
  isRedisEnabled: (() => boolean) | null
  isPostgresRolledBack: () => boolean
  updatesWaiting: () => number
  clocks: StoreClocks
  hasher: { readonly waiting: number }
  signer: { readonly waiting: number }
  events: { readonly waiting: number; readonly leftOut: number }
  /** Null for a server without status lists, which then has no such gauges. */
  statusLists: { lists: Pick<StatusLists, 'lastBuild' | 'waiting'>; revoked: () => number } | null
}

/** Registers the gauges. They are read at each scrape. */
export function addGauges(metrics: Registry, measured: Measured): void {
  const { isRedisEnabled, isPostgresRolledBack, updatesWaiting, clocks, hasher, signer, events, statusLists } = measured
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `heirloom_${name}`,
      help,
      registers: [metrics],
      collect() {
        this.set(read())
      },
    })
  if (isRedisEnabled)
    gauge('redis_enabled', '1: refreshes go through Redis. 0: they go through Postgres.', () =>
      Number(isRedisEnabled()),
    )
  gauge(
    'postgres_rolled_back',
    '1: Postgres has lost acknowledged data, and requests are refused until a restore.',
    () => Number(isPostgresRolledBack()),
  )
  gauge(
    'store_clock_ahead_seconds',
    "The largest difference between a store's clock and this server's since the last scrape. Measured at logins and refreshes.",
    () => clocks.takeFarthest() / 1000,
  )
  gauge('updates_waiting', 'Sessions whose latest update is not yet in Postgres.', updatesWaiting)
  gauge('password_hashes_waiting', 'Requests that wait for a password hash.', () => hasher.waiting)
  gauge('signatures_waiting', 'Access tokens that are being signed or wait for it.', () => signer.waiting)
  gauge('security_events_waiting', 'Security events that are not yet in Postgres.', () => events.waiting)
  gauge(
    'security_events_left_out',
    'Security events that were dropped because too many waited for Postgres.',
    () => events.leftOut,
  )
  if (!statusLists) return
  const { lists, revoked } = statusLists
  gauge('status_list_revoked', 'Sessions that were revoked while one of their access tokens may be valid.', revoked)
  gauge('status_list_waiting', 'Requests that are held until a status list changes.', () => lists.waiting)
  gauge('status_list_bytes', 'The size of the status list that was built last.', () => lists.lastBuild.bytes)
  gauge('status_list_build_seconds', 'How long it took to build and sign it.', () => lists.lastBuild.seconds)
  gauge('status_list_age_seconds', 'How long ago that was; 0 if none was built yet.', () => lists.lastBuild.ageSeconds)
}

/** Returns a function that counts a security event by its type and reason. */
export function eventCounter(metrics: Registry): (event: SecurityEvent) => void {
  const counter = new Counter({
    name: 'heirloom_security_events_total',
    help: 'Security events, by type and reason.',
    labelNames: ['type', 'reason'],
    registers: [metrics],
  })
  // An alert on an increase cannot see the first value of a series, so these start at 0.
  for (const reason of ['server', 'operator']) counter.inc({ type: 'postgres_restored', reason }, 0)
  return (event) => counter.inc({ type: event.type, reason: 'reason' in event ? event.reason : '' })
}
