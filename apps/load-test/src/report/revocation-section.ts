import { type Chart, chart, picture } from '@heirloom/harness/chart'
import { integer, milliseconds, number, percent } from '@heirloom/harness/numbers'
import type { RevocationPoint } from '../result.ts'
import { tableOf } from './html.ts'

const chartOf = (points: readonly RevocationPoint[]): Chart => ({
  title: `When a logout has reached ${integer(points[0]?.verifiers ?? 0)} verifiers`,
  x: { label: 'seconds after the logout was acknowledged', scale: 'linear', format: number },
  y: { label: 'share of tokens and verifiers, for each 0.1 s', scale: 'linear', format: percent },
  series: points.map(({ mode, delays }) => ({ name: mode, style: 'line', points: delays })),
})

/** As a file of its own. */
export const revocationPicture = (points: readonly RevocationPoint[]): string => picture(chartOf(points))

export function revocationSection(points: readonly RevocationPoint[]): string {
  return `<section><h2>Logouts, and when they work everywhere</h2>
${chart(chartOf(points))}
${tableOf([
  [
    'verifiers',
    'logouts a second',
    'p50',
    'p99',
    'longest',
    'fetches a second, each',
    'bytes a second, each',
    'cores of the load test',
  ],
  ...points.map(
    ({ mode, logoutsPerSecond, p50Ms, p99Ms, mostMs, fetchesPerSecond, bytesPerSecond, generatorCores }) => [
      mode,
      number(logoutsPerSecond),
      milliseconds(p50Ms),
      milliseconds(p99Ms),
      milliseconds(mostMs),
      number(fetchesPerSecond),
      integer(bytesPerSecond),
      number(generatorCores),
    ],
  ),
])}
<p>Each verifier has timers and a connection of its own, as one in a replica has, and without <code>--light</code> also keys and a list. The time is from the
answer to a logout, at one auth server, until a verifier refuses the access token. No verifier makes a call for a token. The list is that of a
million sessions, with as many logouts all the time. If the load test used most of the machine's cores, the times are its own.</p>
</section>`
}
