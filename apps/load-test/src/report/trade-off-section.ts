import { integer, number } from '@heirloom/harness/numbers'
import type { LifetimePoint } from '../result.ts'
import { type Chart, chart, picture } from '@heirloom/harness/chart'
import { tableOf } from './html.ts'

const CLIENTS = 1_000_000
/** What a resource service allows for clocks that differ, in seconds. */
const LEEWAY_SECONDS = 10
/** Where clients refresh, on average, as a part of the lifetime. */
const REFRESHED_AT = 0.85
const DRAWN_SECONDS = [10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600]
const NAMED_SECONDS = [10, 60, 300, 900, 3600]

const nameOf = (seconds: number) => (seconds % 60 ? `${seconds} s` : seconds < 3600 ? `${seconds / 60} min` : '1 h')

/** Seconds until a logout works everywhere, at the longest, and calls a second on the auth servers. */
const expected = (seconds: number): [number, number] => [seconds + LEEWAY_SECONDS, CLIENTS / (seconds * REFRESHED_AT)]

const chartOf = (points: readonly LifetimePoint[]): Chart => ({
  title: `For ${integer(CLIENTS)} clients that are in use all the time`,
  x: {
    label: 'seconds until a logout works at every resource service, at the longest',
    scale: 'log',
    ticks: [20, 30, 60, 120, 300, 900, 1800, 3600],
    format: integer,
  },
  y: { label: 'calls a second on the auth servers', scale: 'log', format: integer },
  series: [
    { name: 'expected', style: 'dashed', points: DRAWN_SECONDS.map(expected) },
    {
      name: 'measured, with the lifetime',
      style: 'dots',
      points: points.map(({ callsPerSecond, logoutTookSeconds }): [number, number] => [
        Math.max(...logoutTookSeconds),
        callsPerSecond * CLIENTS,
      ]),
      labels: points.map(({ lifetimeSeconds }) => nameOf(lifetimeSeconds)),
    },
    {
      name: 'expected, with the lifetime',
      style: 'dots',
      points: NAMED_SECONDS.filter((seconds) => !points.some(({ lifetimeSeconds }) => lifetimeSeconds === seconds)).map(
        expected,
      ),
      labels: NAMED_SECONDS.filter((seconds) => !points.some(({ lifetimeSeconds }) => lifetimeSeconds === seconds)).map(
        nameOf,
      ),
    },
  ],
})

/** For a file of its own. */
export const tradeOffPicture = (points: readonly LifetimePoint[]): string => picture(chartOf(points))

/** What a lifetime of access tokens costs, and what it buys. */
export function tradeOffSection(points: readonly LifetimePoint[]): string {
  return `<section><h2>The lifetime of access tokens: what it costs and what it buys</h2>
${chart(chartOf(points))}
${tableOf([
  ['lifetime', 'calls a second, measured', 'expected', 'until a logout works, measured', 'expected at the longest'],
  ...points.map(({ lifetimeSeconds, callsPerSecond, logoutTookSeconds }) => [
    nameOf(lifetimeSeconds),
    integer(callsPerSecond * CLIENTS),
    integer(expected(lifetimeSeconds)[1]),
    `${number(Math.min(...logoutTookSeconds))} to ${number(Math.max(...logoutTookSeconds))} s`,
    `${lifetimeSeconds + LEEWAY_SECONDS} s`,
  ]),
])}
<p>Resource services ask nobody, so a logout works there when the access token ends: after its lifetime at the longest, and
${LEEWAY_SECONDS} s of leeway for clocks. Clients refresh at ${REFRESHED_AT * 100} % of the lifetime on average, so that is what the auth servers bear. At the auth
server itself a logout works at once.</p>
</section>`
}
