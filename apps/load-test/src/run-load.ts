import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadOptions } from './arguments.ts'
import { checkTarget } from './check-target.ts'
import type { Load } from './engine/drive.ts'
import { PROFILES } from './profiles.ts'
import type { RunResult } from './result.ts'
import { type Where, runOnce } from './run-once.ts'
import { openEngines, openSessions } from './sessions.ts'
import { ROTATION_SETTINGS, rotateKey } from './stack/disturb.ts'
import { LocalStack } from './stack/local-stack.ts'
import { registerUsers } from './users.ts'
import { warmUp } from './warm-up.ts'
import { milliseconds } from '@heirloom/harness/numbers'

type Say = (line: string) => void

/** Of the load itself, until it has found its pace. */
const RUN_IN_MS = 2_000

/** About what the clients need for their first tokens and to run in. */
const OPENING_MS = 5_000

/** Calls on their way in a closed model without pauses: more only wait in queues. */
const IN_FLIGHT = 64

/** One load on one stack: ours, started for it, or one that runs somewhere. */
export async function runLoad(options: LoadOptions, say: Say): Promise<RunResult> {
  if (options.target) {
    const where = { apiUrls: options.target, authUrls: options.auth ?? [] }
    await checkTarget(where)
    return runOn(null, where, 0, options, say)
  }
  const [replicas = 1] = options.replicas
  const stack = new LocalStack()
  try {
    say(`Starting the stores, ${options.authServers} auth-server(s) and ${replicas} replica(s) ...`)
    const { event } = PROFILES[options.profile]
    const settings = event === 'rotation' ? ROTATION_SETTINGS : {}
    await stack.start(Array.from({ length: options.authServers }, () => settings))
    await stack.startReplicas(replicas)
    // Of processes that are restarted, the cost of a call is not known anyway.
    const isRestarted = event === 'rolling' || event === 'chaos'
    return await runOn(stack, stack, isRestarted ? 0 : await warmReplicas(stack, options, say), options, say)
  } finally {
    await stack.stop()
  }
}

/** By some clients that only read, whatever the profile. Answers how many calls each replica has had. */
async function warmReplicas(stack: LocalStack, { engines: threads, duration }: LoadOptions, say: Say): Promise<number> {
  say('Warming the replicas up ...')
  const { apiUrls, authUrls } = stack
  const users = await registerUsers(authUrls[0] ?? '', 1)
  const world = { profile: PROFILES.browse, apiUrls, authUrls }
  const engines = await openEngines({ threads, clients: IN_FLIGHT, users, stack, say, ...world })
  const load: Load = { model: 'saturating', inFlight: IN_FLIGHT }
  const calls = await warmUp(engines, load, stack.replicas.length, duration)
  await engines.close()
  return calls
}

async function runOn(
  stack: LocalStack | null,
  where: Where,
  warmUpCalls: number,
  options: LoadOptions,
  say: Say,
): Promise<RunResult> {
  const { profile, duration, clients, rate, think } = options
  const isRotation = stack !== null && PROFILES[profile].event === 'rotation'
  const signsAt = isRotation ? Date.now() + (await rotateKey(stack)) : null
  const waitMs = signsAt === null ? 0 : signsAt - duration / 2 - OPENING_MS - Date.now()
  if (waitMs > 0) {
    say(`Waiting ${milliseconds(waitMs)}, so that the new key begins to sign about half-way ...`)
    await sleep(waitMs)
  }
  const engines = await openSessions(options, where, stack, say)
  const load: Load =
    rate !== undefined
      ? { model: 'arrivals', perSecond: rate }
      : think === 0
        ? { model: 'saturating', inFlight: Math.min(clients, IN_FLIGHT) }
        : { model: 'paced', thinkMs: think }
  await engines.run(load, Math.min(RUN_IN_MS, duration / 4))
  const result = await runOnce({ options, load, engines, stack, where, signsAt, warmUpCalls })
  await engines.close()
  return result
}
