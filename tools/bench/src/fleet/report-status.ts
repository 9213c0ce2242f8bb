import type { StatusOutcome } from './simulate-status.ts'
import { TTL_SECONDS } from './status-endpoint.ts'
import { STATUS_STORY } from './status-story.ts'

interface Span {
  from: number
  to: number
}

const PHASES = {
  'steady, a logout every five minutes': STATUS_STORY.steady,
  'a storm of 10,000 logouts in a minute': STATUS_STORY.storm,
  'the minutes after it': STATUS_STORY.calm,
  'issuer down for ten minutes': STATUS_STORY.outage,
  'issuer back': STATUS_STORY.recovery,
  'all replicas replaced within ten seconds': STATUS_STORY.restart,
} satisfies Record<string, Span>

const within = (values: Uint32Array | Float64Array, { from, to }: Span) => Array.from(values.subarray(from, to))
const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0)
const mean = (values: readonly number[]) => sum(values) / values.length

/** Prints what the fleet asked for, and whether it kept to the targets. */
export function reportStatus({ requests, bytes, noticedMs }: StatusOutcome, replicas: number): void {
  console.log('\nRequests for the status list, and bytes of the answers, of the whole fleet:')
  console.table(
    Object.fromEntries(
      Object.entries(PHASES).map(([label, span]) => [
        label,
        {
          'a second': Math.round(mean(within(requests, span))),
          'worst second': Math.max(...within(requests, span)),
          'kB/s': Math.round(mean(within(bytes, span)) / 1000),
          'worst kB/s': Math.round(Math.max(...within(bytes, span)) / 1000),
        },
      ]),
    ),
  )
  const steady = within(requests, STATUS_STORY.steady)
  const perTtl = (mean(steady) / replicas) * TTL_SECONDS
  const deployed = within(requests, { from: STATUS_STORY.deployedBy, to: STATUS_STORY.end })
  const peak = Math.max(...deployed) / mean(steady)
  const slowest = Math.max(...noticedMs) / 1000
  const rows = [
    ['requests per replica and ttl, steady', 'at most 1.01', perTtl, perTtl <= 1.01],
    ['worst second of all / steady mean', 'under 3', peak, peak < 3],
    ['seconds from a logout to the last replica', 'at most 6', slowest, noticedMs.length === replicas && slowest <= 6],
  ] as const
  console.log('Targets for status lists:')
  console.table(
    Object.fromEntries(
      rows.map(([what, target, value, met]) => [
        what,
        { target, is: Number(value.toFixed(3)), '': met ? 'met' : 'not met' },
      ]),
    ),
  )
}
