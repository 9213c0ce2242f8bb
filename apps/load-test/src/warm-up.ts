import type { Load } from './engine/drive.ts'
import type { Engines } from './engine/engines.ts'

/** After a thousand calls the code is still being compiled, and a call costs a quarter more. */
const CALLS_EACH = 20_000
const STEP_MS = 2_000

/**
 * Sends calls that are not counted to each replica, for at most `mostMs` milliseconds.
 *
 * @returns the number of calls to each replica.
 */
export async function warmUp(engines: Engines, load: Load, replicas: number, mostMs = Infinity): Promise<number> {
  const end = performance.now() + mostMs
  let calls = 0
  while (calls < replicas * CALLS_EACH && performance.now() < end) {
    calls += await engines.run(load, Math.min(STEP_MS, end - performance.now()))
  }
  return calls / replicas
}
