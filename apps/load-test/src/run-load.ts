import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadOptions } from './arguments.ts'
import { checkTarget } from './check-target.ts'
import type { Load } from './engine/drive.ts'
import { PROFILES } from './profiles.ts'
import type { RunResult } from './result.ts'
import { type Target, runOnce } from './run-once.ts'
import { openEngines, openSessions } from './sessions.ts'
import { ROTATION_SETTINGS, rotateKey } from './stack/disturb.ts'
import { LocalStack } from './stack/local-stack.ts'
import { registerUsers } from './users.ts'
import { warmUp } from './warm-up.ts'
import { milliseconds } from '@heirloom/harness/numbers'

type Say = (line: string) => void

/** Until the load is steady. */
const RUN_IN_MS = 2_000

/** About the time for the clients' first tokens and the run-in. */
const OPENING_MS = 5_000

/** Calls in flight in a closed model without pauses. More would only wait in queues. */
const IN_FLIGHT = 64

/** One load on one stack, which is started for it or is running already. */
export async function runLoad(options: LoadOptions, say: Say): Promise<RunResult> {
  if (options.target) {
    const target = { apiUrls: options.target, authUrls: options.auth ?? [] }
    await checkTarget(target)
    return runOn(null, target, 0, options, say)
  }
  const [replicas = 1] = options.replicas
  const stack = new LocalStack()
  try {
    say(`Starting the stores, ${options.authServers} auth-server(s) and ${replicas} replica(s) ...`)
    const { event } = PROFILES[options.profile]
    const settings = event === 'rotation' ? ROTATION_SETTINGS : {}
    await stack.start(Array.from({ length: options.authServers }, () => settings))
    await stack.startReplicas(replicas)
    // If processes are restarted, the cost of a call cannot be measured anyway.
    const isRestarted = event === 'rolling' || event === 'chaos'
    return await runOn(stack, stack, isRestarted ? 0 : await warmReplicas(stack, options, say), options, say)
  } finally {
    await stack.stop()
  }
}

/** Uses clients that only read, whatever the profile. Returns the number of calls to each replica. */
async function warmReplicas(stack: LocalStack, { engines: threads, duration }: LoadOptions, say: Say): Promise<number> {
  say('Warming the replicas up ...')
  const { apiUrls, authUrls } = stack
  const users = await registerUsers(authUrls[0] ?? '', 1)
  const context = { profile: PROFILES.browse, apiUrls, authUrls }
  const engines = await openEngines({ threads, clients: IN_FLIGHT, users, stack, say, ...context })
  const load: Load = { model: 'saturating', inFlight: IN_FLIGHT }
  const calls = await warmUp(engines, load, stack.replicas.length, duration)
  await engines.close()
  return calls
}

async function runOn(
  stack: LocalStack | null,
  target: Target,
  warmUpCalls: number,
  options: LoadOptions,
  say: Say,
): Promise<RunResult> {
  const { profile, duration, clients, rate, think } = options
  const isRotation = stack !== null && PROFILES[profile].event === 'rotation'
  const signsAt = isRotation ? Date.now() + (await rotateKey(stack)) : null
  const waitMs = signsAt === null ? 0 : signsAt - duration / 2 - OPENING_MS - Date.now()
  if (waitMs > 0) {
    say(`Waiting ${milliseconds(waitMs)}, so that the new key begins to sign halfway through the run ...`)
    await sleep(waitMs)
  }
  const engines = await openSessions(options, target, stack, say)
  const load: Load =
    rate !== undefined
      ? { model: 'arrivals', perSecond: rate }
      : think === 0
        ? { model: 'saturating', inFlight: Math.min(clients, IN_FLIGHT) }
        : { model: 'paced', thinkMs: think }
  await engines.run(load, Math.min(RUN_IN_MS, duration / 4))
  const result = await runOnce({ options, load, engines, stack, target, signsAt, warmUpCalls })
  await engines.close()
  return result
}
