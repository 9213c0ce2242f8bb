import { availableParallelism } from 'node:os'
import { costsOf } from '../measure/costs.ts'
import { KEY_REFRESH_SECONDS, MANY, projected } from '../measure/projection.ts'
import { at } from '../measure/recorder.ts'
import { totalsOf } from '../measure/totals.ts'
import { integer, megabytes, milliseconds, number } from '@heirloom/harness/numbers'
import type { Level } from '../result.ts'
import { type Chart, chart, picture } from '@heirloom/harness/chart'
import { tableOf } from './html.ts'

const rowOf = ({ run, startedMs }: Level) => {
  const costs = costsOf(run)
  if (!costs) throw new Error('the curve needs a stack of its own')
  return { startedMs, costs, run, replicas: run.replicas, ...totalsOf(run.measured) }
}

type Row = ReturnType<typeof rowOf>

/** A chart over the number of replicas. */
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
  over(rows, 'CPU per call', 'microseconds', {
    replicas: ({ costs }) => costs.cpuUs,
    'replicas, stores, auth servers and load engine': ({ costs }) => costs.allCpuUs,
  })

/** The CPU per call, as a file of its own. */
export const curvePicture = (levels: readonly Level[]): string => picture(cpuOver(levels.map(rowOf)))

/** Throughput, CPU and memory over the number of replicas, and a projection. */
export function curveSection(levels: readonly Level[]): string {
  const rows = levels.map(rowOf)
  const many = projected(levels)
  if (!many) return ''
  const cores = availableParallelism()
  const throughput = {
    measured: ({ callsPerSecond }: Row) => callsPerSecond,
    [`limit of ${cores} cores at this CPU per call`]: ({ costs }: Row) => (cores * 1e6) / costs.allCpuUs,
  }
  const memory = {
    resident: ({ costs }: Row) => costs.residentBytes / 2 ** 20,
    'of that, not shared': ({ costs }: Row) => costs.ownBytes / 2 ** 20,
  }
  return `<section><h2>Over the number of replicas</h2>
${chart(over(rows, 'Throughput', 'calls per second', throughput))}
${chart(cpuOver(rows))}
${chart(over(rows, 'Memory of a replica', 'MB', memory))}
${tableOf([
  [
    'replicas',
    'calls per second',
    'CPU per call',
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
<p>The replicas, the stores, the auth servers and the load share the ${cores} cores of this machine. Once the cores are busy, more replicas
do not raise the throughput. The CPU time per call is what a replica costs. It does not depend on the number of cores, as long as
each process has one.</p>
<h3>${integer(MANY)} replicas</h3>
${tableOf([
  ['each with its own core', ''],
  ['calls per second', integer(many.callsPerSecond)],
  ['memory', `${integer(many.bytes / 2 ** 30)} GB`],
  ['key fetches per second, all auth servers together', number(many.keyFetchesPerSecond)],
  ['reads of Postgres or Redis by replicas', '0'],
])}
<p>The projection assumes that:</p>
<ul>
<li>a call costs ${number(many.meanCpuUs)} µs of CPU, as measured here with ${many.from}, on a core like this one and with handlers as small as the
example service’s;</li>
<li>each replica has its own core and keeps it busy;</li>
<li>balancers and network carry the traffic;</li>
<li>each replica fetches the keys every ${KEY_REFRESH_SECONDS} s.</li>
</ul>
<p>The load on the auth servers depends on the number of users and on the lifetime of access tokens, not on the number of replicas.</p>
</section>`
}
