import type { LoadOptions } from './arguments.ts'
import type { Load } from './engine/drive.ts'
import type { Level } from './result.ts'
import { runOnce } from './run-once.ts'
import { openSessions } from './sessions.ts'
import { LocalStack } from './stack/local-stack.ts'
import { warmUp } from './warm-up.ts'
import { number } from '@heirloom/harness/numbers'

/** So that a replica is as busy, with as much at a time, however many there are. */
const IN_FLIGHT_EACH = 32

/**
 * The same load on one number of replicas after the other: as much of it as they and the machine can take, or for each of them
 * the same rate, at which a call costs what it costs, and not less because many are answered in one turn.
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
      // A balancer would take CPU from the replicas, and more of it the more there are.
      const startedMs = await stack.startReplicas(replicas, false)
      say(`${replicas} replica(s) were ready after ${number(startedMs / 1000)} s.`)
      await engines.retarget(stack.apiUrls)
      const saturating: Load = { model: 'saturating', inFlight: replicas * IN_FLIGHT_EACH }
      const warmUpCalls = await warmUp(engines, saturating, replicas)
      const load: Load = options.rate ? { model: 'arrivals', perSecond: replicas * options.rate } : saturating
      const run = await runOnce({ options, load, engines, stack, where: stack, signsAt: null, warmUpCalls })
      levels.push({ startedMs, run })
    }
    await engines.close()
  } finally {
    await stack.stop()
  }
  return levels
}
