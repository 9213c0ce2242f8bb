import { costsOf } from '../measure/costs.ts'
import { KEY_REFRESH_SECONDS } from '../measure/projection.ts'
import { type Latencies, PERCENTILES, at } from '../measure/recorder.ts'
import { totalsOf } from '../measure/totals.ts'
import { escapeHtml } from '@heirloom/harness/escape-html'
import { integer, megabytes, milliseconds, number } from '@heirloom/harness/numbers'
import type { RunResult } from '../result.ts'
import { anomalyLines } from '../view/anomaly-lines.ts'
import { chart } from '@heirloom/harness/chart'
import { pairs, tableOf } from './html.ts'

/** One run: totals, charts, costs, outcomes. */
export function runSection(result: RunResult): string {
  const { measured, events, bottleneck, settings, title, connections } = result
  const { seconds, response, service, counts } = measured
  const totals = totalsOf(measured)
  const costs = costsOf(result)
  const marks = events.map(({ at: second, what }) => ({ at: second, label: what }))
  const time = { label: 'seconds', scale: 'linear', tight: true } as const
  const line = (name: string, of: (second: (typeof seconds)[number]) => number) => ({
    name,
    style: 'line' as const,
    points: seconds.map((second): [number, number] => [second.at, of(second)]),
  })
  return `<section><h2>${escapeHtml(title)}</h2>
${bottleneck ? `<p class="warning">${escapeHtml(bottleneck)}</p>` : ''}
<ul class="tiles">
${tile(number(totals.callsPerSecond), 'calls per second')}
${tile(milliseconds(at(response, 99)), 'p99, from due time')}
${tile(integer(totals.failed), 'failed calls')}
${tile(integer(totals.falseRefusals), 'false refusals')}
${costs ? tile(integer(costs.perMillion.auth), 'requests to auth servers per million calls') : ''}
${costs ? tile(integer(costs.perMillion.transactions), 'Postgres transactions per million calls') : ''}
</ul>
${chart({ title: 'Throughput', x: time, y: { label: 'calls per second', scale: 'linear' }, series: [line('calls', ({ calls }) => calls), line('to the auth servers', ({ authCalls }) => authCalls), line('failed', ({ failed }) => failed)], marks })}
${chart({ title: 'Latency, from due time', x: time, y: { label: 'milliseconds', scale: 'log' }, series: [line('p50', ({ p50 }) => p50), line('p99', ({ p99 }) => p99), line('worst', ({ worst }) => worst)], marks })}
${chart({ title: 'Distribution of latencies', x: { label: 'share of calls that were this fast or faster', scale: 'linear', ticks: [0, 1, 2, 3, 4], format: (nines) => `${Number((100 - 100 * 10 ** -nines).toFixed(2))} %` }, y: { label: 'milliseconds', scale: 'log' }, series: [distribution('from due time', response), distribution('from send time', service)] })}
<p>“From due time” includes the time that a call waited because something before it was slow (coordinated omission). “From send time”
does not. The slowest call took ${milliseconds(at(response, 100))}.</p>
<h3>Load on the auth servers and the stores</h3>
${
  costs
    ? `${tableOf([
        ['', 'in this run', 'per million calls'],
        ['calls to the resource service', integer(totals.calls), integer(1e6)],
        ...Object.entries(result.used?.authRoutes ?? {})
          .filter(([, count]) => count > 0)
          .map(([route, count]) => [`auth servers: ${route}`, integer(count), number((count * 1e6) / totals.calls)]),
        [
          'Postgres transactions',
          integer(result.used?.postgresTransactions ?? 0),
          number(costs.perMillion.transactions),
        ],
        ['Redis commands', integer(result.used?.redisCommands ?? 0), number(costs.perMillion.redisCommands)],
      ])}
<p>All transactions and commands come from the auth servers: a replica of the resource service knows no store’s address.
${connections ? `The open connections to Postgres and Redis were counted ${connections.samples} times: replicas held ${connections.replicas}, auth servers at most ${connections.authServers}.` : ''}
The numbers include background work of the auth servers, such as polling for new keys, so their share falls as calls grow.
During the measurement ${result.replicas} replica(s) fetched the keys ${integer(costs.keyFetches)} times: each fetches them every ${KEY_REFRESH_SECONDS} s. A replica used ${number(costs.cpuUs)} µs of CPU per
call and ${megabytes(costs.residentBytes)} of memory, of which it shares ${megabytes(costs.residentBytes - costs.ownBytes)} with other replicas.
Both were measured after the warm-up (see Settings).</p>`
    : '<p>Not measured, because the stack was not started by this run or its processes were restarted.</p>'
}
<h3>Sessions</h3>
<p>${sessionSummary(counts)}</p>
<h3>Outcomes</h3>
${tableOf([
  [
    '',
    'ok',
    'ok at the one retry',
    'deferred (429, 502 to 504)',
    'failed',
    'wrong answers',
    'false refusals',
    'attacks not refused',
  ],
  ...Object.entries(counts)
    .filter(([, outcomes]) => Object.values(outcomes).some((count) => count > 0))
    .map(([operation, { ok, retried_ok: retriedOk, deferred, failed, wrong, false_refusal: refused, breach }]) => [
      operation,
      ...[ok, retriedOk, deferred, failed, wrong, refused, breach].map(integer),
    ]),
])}
<p>${Object.keys(measured.non2xx).length ? `Answers other than 2xx: ${escapeHtml(non2xxSummary(measured.non2xx))}.` : 'Every answer was 2xx.'}</p>
${measured.anomalies.length ? `<h3>Anomalies</h3><pre>${escapeHtml(measured.anomalies.flatMap(anomalyLines).join('\n'))}</pre>` : ''}
<h3>Replicas</h3>
${tableOf([
  ['', 'calls', 'p99', 'failed'],
  ...Object.entries(measured.servers).map(([name, { calls, p99, failed }]) => [
    name,
    integer(calls),
    milliseconds(p99),
    integer(failed),
  ]),
])}
${events.length ? `<h3>Events</h3>${tableOf([['second', ''], ...events.map(({ at: second, what }) => [number(second), what])])}` : ''}
<h3>Settings</h3>
${pairs(settings)}
</section>`
}

function sessionSummary({ login, refresh, retry, logout, theft }: RunResult['measured']['counts']): string {
  const { ok: seen, ...others } = theft
  const thefts = Object.values(others).reduce((sum, count) => sum + count, seen)
  return [
    `Answered: ${integer(login.ok)} logins, ${integer(refresh.ok)} refreshes, ${integer(logout.ok)} logouts.`,
    `Refreshes whose answer was lost and whose retry returned the same new token: ${integer(retry.ok)}.`,
    `Stolen refresh tokens: ${integer(thefts)}. Of these, ${integer(seen)} were detected when the copy was used, which ended the session.`,
  ].join(' ')
}

const tile = (value: string, of: string) => `<li><b>${escapeHtml(value)}</b> ${escapeHtml(of)}</li>`

const distribution = (name: string, latencies: Latencies) => ({
  name,
  style: 'line' as const,
  points: PERCENTILES.filter((percentile) => percentile < 100).map((percentile): [number, number] => [
    -Math.log10(1 - percentile / 100),
    at(latencies, percentile),
  ]),
})

const non2xxSummary = (answers: Record<string, number>) =>
  Object.entries(answers)
    .map(([what, count]) => `${what}: ${integer(count)}`)
    .join(', ')
