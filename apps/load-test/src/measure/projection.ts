import { availableParallelism } from 'node:os'
import type { Level } from '../result.ts'
import { costsOf } from './costs.ts'

export const MANY = 10_000
/** How often a replica looks at the keys, in seconds: the verifier's default. */
export const LOOK_SECONDS = 300

/** What `MANY` replicas would do, each with a core of its own. Null where the costs are not known. */
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
    /** In words: those numbers of replicas for which there were cores. */
    from: `${measured.map(({ replicas }) => replicas).join(' and ')} replica${measured.at(-1)?.replicas === 1 ? '' : 's'}`,
    callsPerSecond: (MANY * 1e6) / meanCpuUs,
    bytes: MANY * mean(measured.map(({ residentBytes }) => residentBytes)),
    keyFetchesPerSecond: MANY / LOOK_SECONDS,
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
