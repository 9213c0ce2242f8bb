import type { Level } from '../result.ts'
import { costsOf } from './costs.ts'

export const MANY = 10_000
/** How often a replica looks at the keys, in seconds: the verifier's default. */
export const LOOK_SECONDS = 300

/** What `MANY` replicas would do, each with a core of its own. Null where the costs are not known. */
export function projected(levels: readonly Level[]) {
  const costs = levels.map(({ run }) => costsOf(run)).filter((one) => one !== null)
  if (costs.length === 0) return null
  const cpuUs = costs.map((one) => one.cpuUs)
  const meanCpuUs = mean(cpuUs)
  return {
    meanCpuUs,
    /** Of 1: between the cheapest and the dearest number of replicas. */
    spread: Math.max(...cpuUs) / Math.min(...cpuUs) - 1,
    callsPerSecond: (MANY * 1e6) / meanCpuUs,
    bytes: MANY * mean(costs.map(({ residentBytes }) => residentBytes)),
    keyFetchesPerSecond: MANY / LOOK_SECONDS,
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
