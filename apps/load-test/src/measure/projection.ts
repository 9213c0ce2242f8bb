import { availableParallelism } from 'node:os'
import type { Level } from '../result.ts'
import { costsOf } from './costs.ts'

export const MANY = 10_000
/** How often a replica fetches the keys, in seconds: the verifier's default. */
export const KEY_REFRESH_SECONDS = 300

/** What `MANY` replicas would do, each with its own core. Null if the costs are unknown. */
export function projected(levels: readonly Level[]) {
  const known = levels.flatMap(({ run }) => {
    const costs = costsOf(run)
    return costs ? [{ replicas: run.replicas, ...costs }] : []
  })
  const [first] = known
  if (!first) return null
  const withCores = known.filter(({ replicas }) => replicas <= availableParallelism())
  const measured = withCores.length > 0 ? withCores : [first]
  const meanCpuUs = mean(measured.map((one) => one.cpuUs))
  return {
    meanCpuUs,
    /** Which measurements it is from: "1 and 2 replicas". */
    from: `${measured.map(({ replicas }) => replicas).join(' and ')} replica${measured.at(-1)?.replicas === 1 ? '' : 's'}`,
    callsPerSecond: (MANY * 1e6) / meanCpuUs,
    bytes: MANY * mean(measured.map(({ residentBytes }) => residentBytes)),
    keyFetchesPerSecond: MANY / KEY_REFRESH_SECONDS,
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
