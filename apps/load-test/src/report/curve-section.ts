import { availableParallelism } from 'node:os'
import { costsOf } from '../measure/costs.ts'
import { LOOK_SECONDS, MANY, projected } from '../measure/projection.ts'
import { at } from '../measure/recorder.ts'
import { totalsOf } from '../measure/totals.ts'
import { integer, megabytes, milliseconds, number } from '@heirloom/harness/numbers'
import type { Level } from '../result.ts'
import { type Chart, chart, picture } from '@heirloom/harness/chart'
import { tableOf } from './html.ts'

const rowOf = ({ run, startedMs }: Level) => {
  const costs = costsOf(run)
  if (!costs) throw new Error('the curve is measured on a stack of its own')
  return { startedMs, costs, run, replicas: run.replicas, ...totalsOf(run.measured) }
}

type Row = ReturnType<typeof rowOf>

/** What is drawn over the number of replicas. */
function over(rows: readonly Row[], title: string, unit: string, lines: Record<string, (row: Row) => number>): Chart {
  return {
    title,
    x: { label: 'replicas', scale: 'log', ticks: rows.map((row) => row.replicas) },
    y: { label: unit, scale: 'linear' },
    series: Object.entries(lines).map(([name, of]) => ({
      name,
      style: 'line',
      points: rows.map((row): [number, number] => [row.replicas, of(row)]),
    })),
  }
}

const cpuOver = (rows: readonly Row[]) =>
  over(rows, 'CPU of a call', 'microseconds', {
    'the replicas': ({ costs }) => costs.cpuUs,
    'all that was at work, the load’s engine included': ({ costs }) => costs.allCpuUs,
  })

/** What a call costs, for a file of its own. */
export const curvePicture = (levels: readonly Level[]): string => picture(cpuOver(levels.map(rowOf)))

/** Throughput, CPU and memory over the number of replicas, and what follows for very many. */
export function curveSection(levels: readonly Level[]): string {
  const rows = levels.map(rowOf)
  const many = projected(levels)
  if (!many) return ''
  const cores = availableParallelism()
  const throughput = {
    measured: ({ callsPerSecond }: Row) => callsPerSecond,
    [`what ${cores} cores allow at the CPU that a call takes in all`]: ({ costs }: Row) =>
      (cores * 1e6) / costs.allCpuUs,
  }
  const memory = {
    resident: ({ costs }: Row) => costs.residentBytes / 2 ** 20,
    'of that, not shared': ({ costs }: Row) => costs.ownBytes / 2 ** 20,
  }
  return `<section><h2>Over the number of replicas</h2>
${chart(over(rows, 'Throughput', 'calls a second', throughput))}
${chart(cpuOver(rows))}
${chart(over(rows, 'Memory of a replica', 'MB', memory))}
${tableOf([
  [
    'replicas',
    'calls a second',
    'CPU a call',
    'with all else',
    'memory each',
    'not shared',
    'p99',
    'ready after',
    'key fetches',
    'failed',
    'false refusals',
  ],
  ...rows.map(({ replicas: count, callsPerSecond, costs, run, startedMs, failed, falseRefusals }) => [
    integer(count),
    integer(callsPerSecond),
    `${number(costs.cpuUs)} µs`,
    `${number(costs.allCpuUs)} µs`,
    megabytes(costs.residentBytes),
    megabytes(costs.ownBytes),
    milliseconds(at(run.measured.response, 99)),
    `${number(startedMs / 1000)} s`,
    integer(costs.keyFetches),
    integer(failed),
    integer(falseRefusals),
  ]),
])}
<p>This machine has ${cores} cores for the replicas, the stores, the auth servers and the load together: once they are busy, more
replicas share what there is, and the throughput stays where it is. What a replica costs is told by its CPU time a call, which does not
depend on how many cores there are, as long as each process has one.</p>
<h3>${integer(MANY)} replicas</h3>
${tableOf([
  ['with a core each', ''],
  ['calls a second', integer(many.callsPerSecond)],
  ['memory', `${integer(many.bytes / 2 ** 30)} GB`],
  ['key fetches a second, on all auth servers together', number(many.keyFetchesPerSecond)],
  ['reads of Postgres or Redis by replicas', '0'],
])}
<p>This assumes that a call costs ${number(many.meanCpuUs)} µs of CPU as measured here with ${many.from}, on a core like this one’s and with handlers as small as the
example service’s; that each replica has a core and keeps it busy; that balancers and network carry the traffic; and that each replica
looks at the keys every ${LOOK_SECONDS} s. What the auth servers bear depends on how many users there are and on the lifetime of access tokens, and not on
the number of replicas.</p>
</section>`
}
