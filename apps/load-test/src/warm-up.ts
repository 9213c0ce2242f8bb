import type { Load } from './engine/drive.ts'
import type { Engines } from './engine/engines.ts'

/** After a thousand, a call still costs a quarter more: its code is still being compiled. */
const CALLS_EACH = 20_000
const STEP_MS = 2_000

/**
 * Lets each replica answer calls that are not counted, for `mostMs` milliseconds at most.
 *
 * @returns how many each has answered.
 */
export async function warmUp(engines: Engines, load: Load, replicas: number, mostMs = Infinity): Promise<number> {
  const end = performance.now() + mostMs
  let calls = 0
  while (calls < replicas * CALLS_EACH && performance.now() < end) {
    calls += await engines.run(load, Math.min(STEP_MS, end - performance.now()))
  }
  return calls / replicas
}
