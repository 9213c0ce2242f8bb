import type { createMetrics } from '@heirloom/http-service'
import type { Verifier } from '@heirloom/verifier'
import { Counter, Gauge } from 'prom-client'

/** Registers what the verifier counts. It is read at each scrape. */
export function addMetrics(metrics: ReturnType<typeof createMetrics>, verifier: Verifier): void {
  const registers = [metrics]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `heirloom_${name}`,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  const counter = (name: string, help: string, label: string, read: () => Record<string, number>) =>
    new Counter({
      name: `heirloom_${name}`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count)
      },
    })
  counter(
    'tokens_refused_total',
    'Access tokens that were refused, by reason.',
    'reason',
    () => verifier.stats().refused,
  )
  const status = () => verifier.stats().status
  gauge(
    'status_list_age_seconds',
    'Seconds since the issuer confirmed a status list, of the list where this is longest. 0: no token named one yet.',
    () => status()?.ageSeconds ?? 0,
  )
  gauge('status_list_bytes', 'Memory of the status lists.', () => status()?.bytes ?? 0)
  counter('status_list_fetches_total', 'Fetches of status lists, by result.', 'result', () => {
    const { refreshes = 0, failures = 0 } = status() ?? {}
    return { done: refreshes - failures, failed: failures }
  })
  gauge(
    'status_unchecked',
    'Tokens that were accepted though their status list could not be had, since the start.',
    () => status()?.unchecked ?? 0,
  )
}
