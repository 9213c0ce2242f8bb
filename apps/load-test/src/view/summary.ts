import { costsOf } from '../measure/costs.ts'
import { type Latencies, at } from '../measure/recorder.ts'
import { totalsOf } from '../measure/totals.ts'
import { MANY, projected } from '../measure/projection.ts'
import { integer, megabytes, milliseconds, number, percent } from '@heirloom/harness/numbers'
import type { Level, RevocationPoint, RunResult, SharedTokenPoint, TradeOff } from '../result.ts'
import { sharedTokenRows } from '../report/shared-token-section.ts'
import { anomalyLines } from './anomaly-lines.ts'

/** The result of a run, on one screen. */
export function summaryOfRun(result: RunResult): string {
  const { measured, replicas, bottleneck, connections } = result
  const { counts, engine, non2xx, operations } = measured
  const totals = totalsOf(measured)
  const costs = costsOf(result)
  const attacks = counts.attack.ok + counts.attack.deferred + counts.attack.breach
  const thefts = Object.values(counts.theft).reduce((sum, n) => sum + n, 0)
  const not2xx = Object.entries(non2xx).map(([what, count]) => `${what}: ${integer(count)}`)
  const rows: (readonly [string, string] | false | null)[] = [
    ['calls', `${integer(totals.calls)}, ${number(totals.callsPerSecond)}/s`],
    ['  from due time', latencies(measured.response)],
    ['  from send time', latencies(measured.service)],
    [
      'failed',
      `${integer(totals.failed)} (${percent(totals.errorRate)}); ${integer(totals.retriedOk)} more succeeded at the one retry`,
    ],
    totals.wrong > 0 && ['wrong answers', integer(totals.wrong)],
    ['false refusals', integer(totals.falseRefusals)],
    attacks > 0 && ['attacks', `${integer(attacks)}, ${integer(totals.breaches)} not refused`],
    ...(['login', 'refresh', 'retry', 'logout'] as const).map((operation) => {
      const seen = operations[operation]
      if (!seen) return null
      return [
        PLURAL[operation],
        `${integer(seen.count)}, p50 ${milliseconds(seen.p50)}, p99 ${milliseconds(seen.p99)}`,
      ] as const
    }),
    thefts > 0 && [
      'stolen tokens',
      `${integer(thefts)}, ${integer(counts.theft.ok)} detected, which ended the session`,
    ],
    not2xx.length > 0 && ['not 2xx', not2xx.join(', ')],
    costs && [
      'per million calls',
      `${integer(costs.perMillion.auth)} requests to auth servers, ${integer(costs.perMillion.transactions)} transactions, ${integer(costs.perMillion.redisCommands)} Redis commands`,
    ],
    costs && ['key fetches', `${integer(costs.keyFetches)} by ${replicas} replica(s)`],
    connections && [
      'store sockets',
      `${connections.replicas} of replicas, ${connections.authServers} of auth servers (counted ${connections.samples} times)`,
    ],
    costs && [
      'replicas',
      `${number(costs.cpuUs)} µs of CPU per call; ${megabytes(costs.residentBytes)} each, ${megabytes(costs.ownBytes)} of it not shared`,
    ],
    [
      'engine',
      `${percent(engine.busy)} busy, p99 ${milliseconds(engine.latenessP99)} late${costs ? `, ${number(costs.engineCpuUs)} µs of CPU per call` : ''}`,
    ],
  ]
  const lines = rows
    .filter((row) => row !== false && row !== null)
    .map(([name, value]) => `  ${name.padEnd(19)}${value}`)
  const first = measured.anomalies.slice(0, ANOMALIES_SHOWN).flatMap(anomalyLines)
  return [result.title, ...lines, ...(bottleneck ? [bottleneck] : []), ...first].join('\n')
}

/** The report has the others. */
const ANOMALIES_SHOWN = 1

const PLURAL = { login: 'logins', refresh: 'refreshes', retry: 'lost answers', logout: 'logouts' }

const latencies = (values: Latencies) =>
  [50, 90, 99, 99.9, 100].map((p) => `${p === 100 ? 'worst' : `p${p}`} ${milliseconds(at(values, p))}`).join('  ')

export function summaryOfCurve(levels: readonly Level[]): string {
  const rows = levels.map(({ run, startedMs }) => {
    const { measured, replicas } = run
    const costs = costsOf(run)
    const { callsPerSecond, failed, falseRefusals } = totalsOf(measured)
    return [
      String(replicas),
      `${integer(callsPerSecond)}/s`,
      ...(costs
        ? [`${number(costs.cpuUs)} µs`, `${number(costs.allCpuUs)} µs`, megabytes(costs.residentBytes)]
        : ['-', '-', '-']),
      milliseconds(at(measured.response, 99)),
      integer(failed + falseRefusals),
      percent(measured.engine.busy),
      `${number(startedMs / 1000)} s`,
    ]
  })
  const head = [
    'replicas',
    'calls',
    'CPU a call',
    'with all else',
    'memory each',
    'p99',
    'failed',
    'engine busy',
    'started in',
  ]
  const many = projected(levels)
  return [
    table([head, ...rows]),
    ...(many
      ? [
          `Projected from ${many.from} to ${integer(MANY)} with a core each: ${integer(many.callsPerSecond)} calls/s, ${integer(many.bytes / 2 ** 30)} GB,`,
          `${number(many.keyFetchesPerSecond)} key fetches a second and no read of a store. The report lists the assumptions.`,
        ]
      : []),
  ].join('\n')
}

export function summaryOfTradeOff({ lifetimes, lists }: TradeOff): string {
  const rows = lifetimes.map(({ lifetimeSeconds, callsPerSecond, logoutTookSeconds }) => [
    `${lifetimeSeconds} s`,
    number(callsPerSecond * 1e6),
    `${number(Math.min(...logoutTookSeconds))} to ${number(Math.max(...logoutTookSeconds))} s`,
  ])
  const head = ['lifetime', 'calls/s for a million clients', 'until a logout works']
  return [table([head, ...rows]), summaryOfRevocation(lists)].join('\n\n')
}

export function summaryOfRevocation(points: readonly RevocationPoint[]): string {
  const rows = points.map((point) => [
    point.mode,
    `${point.ttlSeconds} s`,
    integer(point.verifiers),
    number(point.logoutsPerSecond),
    milliseconds(point.p50Ms),
    milliseconds(point.p99Ms),
    milliseconds(point.mostMs),
    number(point.fetchesPerSecond),
    integer(point.bytesPerSecond),
    number(point.generatorCores),
  ])
  const head = [
    'verifiers',
    'ttl',
    'number',
    'logouts/s',
    'p50',
    'p99',
    'longest',
    'fetches/s each',
    'bytes/s each',
    'own cores',
  ]
  return table([head, ...rows])
}

export const summaryOfSharedToken = (point: SharedTokenPoint): string =>
  Object.entries(sharedTokenRows(point))
    .map(([name, value]) => `${name.padEnd(25)}${value}`)
    .join('\n')

function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ')).join('\n')
}
