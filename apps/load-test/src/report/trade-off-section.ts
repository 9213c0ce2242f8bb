import { integer, number } from '@heirloom/harness/numbers'
import type { LifetimePoint } from '../result.ts'
import { type Chart, chart, picture } from '@heirloom/harness/chart'
import { tableOf } from './html.ts'

const CLIENTS = 1_000_000
/** The leeway of resource services for clock differences, in seconds. */
const LEEWAY_SECONDS = 10
/** When clients refresh on average, as a share of the lifetime. */
const REFRESHED_AT = 0.85
const DRAWN_SECONDS = [10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600]
const NAMED_SECONDS = [10, 60, 300, 900, 3600]

const nameOf = (seconds: number) => (seconds % 60 ? `${seconds} s` : seconds < 3600 ? `${seconds / 60} min` : '1 h')

/** The longest time until a logout works everywhere, in seconds, and requests per second to the auth servers. */
const expected = (seconds: number): [number, number] => [seconds + LEEWAY_SECONDS, CLIENTS / (seconds * REFRESHED_AT)]

const chartOf = (points: readonly LifetimePoint[]): Chart => ({
  title: `${integer(CLIENTS)} clients in constant use`,
  x: {
    label: 'longest time until a logout works at every resource service, in seconds',
    scale: 'log',
    ticks: [20, 30, 60, 120, 300, 900, 1800, 3600],
    format: integer,
  },
  y: { label: 'requests per second to the auth servers', scale: 'log', format: integer },
  series: [
    { name: 'expected', style: 'dashed', points: DRAWN_SECONDS.map(expected) },
    {
      name: 'measured, labelled with the lifetime',
      style: 'dots',
      points: points.map(({ callsPerSecond, logoutTookSeconds }): [number, number] => [
        Math.max(...logoutTookSeconds),
        callsPerSecond * CLIENTS,
      ]),
      labels: points.map(({ lifetimeSeconds }) => nameOf(lifetimeSeconds)),
    },
    {
      name: 'expected, labelled with the lifetime',
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

/** As a file of its own. */
export const tradeOffPicture = (points: readonly LifetimePoint[]): string => picture(chartOf(points))

/** What a lifetime of access tokens costs, and what it buys. */
export function tradeOffSection(points: readonly LifetimePoint[]): string {
  return `<section><h2>The lifetime of access tokens: cost and benefit</h2>
${chart(chartOf(points))}
${tableOf([
  ['lifetime', 'requests per second, measured', 'expected', 'until a logout works, measured', 'expected at most'],
  ...points.map(({ lifetimeSeconds, callsPerSecond, logoutTookSeconds }) => [
    nameOf(lifetimeSeconds),
    integer(callsPerSecond * CLIENTS),
    integer(expected(lifetimeSeconds)[1]),
    `${number(Math.min(...logoutTookSeconds))} to ${number(Math.max(...logoutTookSeconds))} s`,
    `${lifetimeSeconds + LEEWAY_SECONDS} s`,
  ]),
])}
<p>Resource services verify access tokens without asking the auth server. A logout therefore works there when the access token expires:
at most one lifetime later, plus ${LEEWAY_SECONDS} s of leeway for clocks. The load on the auth servers follows from the clients’ refreshes, at ${REFRESHED_AT * 100} % of
the lifetime on average. At the auth server itself a logout works at once.</p>
</section>`
}
