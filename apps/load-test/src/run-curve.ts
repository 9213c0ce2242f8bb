import type { LoadOptions } from './arguments.ts'
import type { Load } from './engine/drive.ts'
import type { Level } from './result.ts'
import { runOnce } from './run-once.ts'
import { openSessions } from './sessions.ts'
import { LocalStack } from './stack/local-stack.ts'
import { warmUp } from './warm-up.ts'
import { number } from '@heirloom/harness/numbers'

/** Calls in flight per replica, however many replicas there are. */
const IN_FLIGHT_EACH = 32

/**
 * Measures each number of replicas in turn. The load is as much as the machine can take, or a fixed rate per replica. At a
 * fixed rate the cost of a call does not depend on how many are answered in one turn of the event loop.
 */
export async function runCurve(options: LoadOptions, say: (line: string) => void): Promise<Level[]> {
  const stack = new LocalStack()
  const levels: Level[] = []
  try {
    say(`Starting the stores and ${options.authServers} auth-server(s) ...`)
    await stack.start(Array.from({ length: options.authServers }, () => ({})))
    await stack.startReplicas(1, false)
    const engines = await openSessions(options, stack, stack, say)
    for (const replicas of options.replicas) {
      // A balancer would take more CPU the more replicas there are.
      const startedMs = await stack.startReplicas(replicas, false)
      say(`${replicas} replica(s) ready after ${number(startedMs / 1000)} s.`)
      await engines.retarget(stack.apiUrls)
      const saturating: Load = { model: 'saturating', inFlight: replicas * IN_FLIGHT_EACH }
      const warmUpCalls = await warmUp(engines, saturating, replicas)
      const load: Load = options.rate ? { model: 'arrivals', perSecond: replicas * options.rate } : saturating
      const run = await runOnce({ options, load, engines, stack, target: stack, signsAt: null, warmUpCalls })
      levels.push({ startedMs, run })
    }
    await engines.close()
  } finally {
    await stack.stop()
  }
  return levels
}
