import { costsOf } from '../measure/costs.ts'
import { LOOK_SECONDS } from '../measure/projection.ts'
import { type Latencies, PERCENTILES, at } from '../measure/recorder.ts'
import { totalsOf } from '../measure/totals.ts'
import { integer, megabytes, milliseconds, number } from '@heirloom/harness/numbers'
import type { RunResult } from '../result.ts'
import { anomalyLines } from '../view/anomaly-lines.ts'
import { chart } from '@heirloom/harness/chart'
import { pairs, tableOf } from './html.ts'

/** One run: what counts, how it went, how long calls took, what it cost. */
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
  return `<section><h2>${escape(title)}</h2>
${bottleneck ? `<p class="warning">${escape(bottleneck)}</p>` : ''}
<ul class="tiles">
${tile(number(totals.callsPerSecond), 'calls a second')}
${tile(milliseconds(at(response, 99)), 'p99, from when due')}
${tile(integer(totals.failed), 'failed calls')}
${tile(integer(totals.falseRefusals), 'false refusals')}
${costs ? tile(integer(costs.perMillion.auth), 'requests on auth-servers in a million calls') : ''}
${costs ? tile(integer(costs.perMillion.transactions), 'Postgres transactions in a million calls') : ''}
</ul>
${chart({ title: 'Throughput', x: time, y: { label: 'calls a second', scale: 'linear' }, series: [line('calls', ({ calls }) => calls), line('on the auth server', ({ authCalls }) => authCalls), line('failed', ({ failed }) => failed)], marks })}
${chart({ title: 'Latency, from when a call was due', x: time, y: { label: 'milliseconds', scale: 'log' }, series: [line('p50', ({ p50 }) => p50), line('p99', ({ p99 }) => p99), line('worst', ({ worst }) => worst)], marks })}
${chart({ title: 'Distribution of latencies', x: { label: 'share of calls that were as fast', scale: 'linear', ticks: [0, 1, 2, 3, 4], format: (nines) => `${Number((100 - 100 * 10 ** -nines).toFixed(2))} %` }, y: { label: 'milliseconds', scale: 'log' }, series: [distribution('from when due', response), distribution('from when sent', service)] })}
<p>“From when due” counts the time that a call waited because something before it was slow (coordinated omission); “from when sent”
does not. The slowest call took ${milliseconds(at(response, 100))}.</p>
<h3>What reached the auth servers and the stores</h3>
${
  costs
    ? `${tableOf([
        ['', 'in this run', 'in a million calls'],
        ['calls of the resource service', integer(totals.calls), integer(1e6)],
        ...Object.entries(result.used?.authRoutes ?? {})
          .filter(([, count]) => count > 0)
          .map(([route, count]) => [`auth-servers: ${route}`, integer(count), number((count * 1e6) / totals.calls)]),
        [
          'Postgres transactions',
          integer(result.used?.postgresTransactions ?? 0),
          number(costs.perMillion.transactions),
        ],
        ['Redis commands', integer(result.used?.redisCommands ?? 0), number(costs.perMillion.redisCommands)],
      ])}
<p>All transactions and commands are the auth servers’ own: a replica of the resource service knows the address of no store.
${connections ? `${connections.looks} times while it was measured, the open connections were looked at: replicas held ${connections.replicas} to Postgres and Redis, auth servers up to ${connections.authServers}.` : ''}
They include what the auth servers do in any case, such as looking for new keys, so their share falls as calls grow.
${integer(costs.keyFetches)} key fetches by ${result.replicas} replica(s) while it was measured: each looks once in ${LOOK_SECONDS} s. A replica used ${number(costs.cpuUs)} µs of CPU a
call and ${megabytes(costs.residentBytes)} of memory, of which it shares ${megabytes(costs.residentBytes - costs.ownBytes)} with others of its kind.
Both are after the warm-up that is among the settings.</p>`
    : '<p>Not measured: the stack is somebody else’s, or its processes were restarted meanwhile.</p>'
}
<h3>What happened to sessions</h3>
<p>${sessionWords(counts)}</p>
<h3>Outcomes</h3>
${tableOf([
  [
    '',
    'answered',
    'mended by one retry',
    'asked again later',
    'failed',
    'wrong answers',
    'false refusals',
    'attacks let through',
  ],
  ...Object.entries(counts)
    .filter(([, outcomes]) => Object.values(outcomes).some((count) => count > 0))
    .map(([operation, { ok, mended, later, failed, wrong, false_refusal: refused, breach }]) => [
      operation,
      ...[ok, mended, later, failed, wrong, refused, breach].map(integer),
    ]),
])}
<p>${Object.keys(measured.oddAnswers).length ? `Not 2xx: ${escape(oddWords(measured.oddAnswers))}.` : 'Every answer was 2xx.'}</p>
${measured.anomalies.length ? `<h3>What led to it</h3><pre>${escape(measured.anomalies.flatMap(anomalyLines).join('\n'))}</pre>` : ''}
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
${events.length ? `<h3>What happened meanwhile</h3>${tableOf([['second', ''], ...events.map(({ at: second, what }) => [number(second), what])])}` : ''}
<h3>Settings</h3>
${pairs(settings)}
</section>`
}

function sessionWords({ login, refresh, retry, logout, theft }: RunResult['measured']['counts']): string {
  const { ok: seen, ...others } = theft
  const thefts = Object.values(others).reduce((sum, count) => sum + count, seen)
  return [
    `Answered: ${integer(login.ok)} logins, ${integer(refresh.ok)} refreshes, ${integer(logout.ok)} logouts.`,
    `Refreshes whose answer was lost, and that brought the same successor when they were asked for again: ${integer(retry.ok)}.`,
    `Refresh tokens that were stolen: ${integer(thefts)}, of which ${integer(seen)} were seen when the copy was used, and the session ended.`,
  ].join(' ')
}

const tile = (value: string, of: string) => `<li><b>${escape(value)}</b> ${escape(of)}</li>`

const distribution = (name: string, latencies: Latencies) => ({
  name,
  style: 'line' as const,
  points: PERCENTILES.filter((percentile) => percentile < 100).map((percentile): [number, number] => [
    -Math.log10(1 - percentile / 100),
    at(latencies, percentile),
  ]),
})

const oddWords = (odd: Record<string, number>) =>
  Object.entries(odd)
    .map(([what, count]) => `${what}: ${integer(count)}`)
    .join(', ')
