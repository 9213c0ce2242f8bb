import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadOptions } from './arguments.ts'
import type { Load } from './engine/drive.ts'
import { PROFILES } from './profiles.ts'
import type { RunResult } from './result.ts'
import { type Where, runOnce } from './run-once.ts'
import { openSessions } from './sessions.ts'
import { ROTATION_SETTINGS, rotateKey } from './stack/disturb.ts'
import { OwnStack } from './stack/own-stack.ts'
import { milliseconds } from './numbers.ts'

type Say = (line: string) => void

/** What code costs that has just been loaded is not counted. */
const WARM_UP_MS = 2_000

/** About what the clients need for their first tokens and to warm up. */
const OPENING_MS = 5_000

/** Calls on their way in a closed model without pauses: more only wait in queues. */
const IN_FLIGHT = 64

/** One load on one stack: ours, started for it, or one that runs somewhere. */
export async function runLoad(options: LoadOptions, say: Say): Promise<RunResult> {
  if (options.target) return runOn(null, { apiUrls: options.target, authUrls: options.auth ?? [] }, options, say)
  const [replicas = 1] = options.replicas
  const stack = new OwnStack()
  try {
    say(`Starting the stores, ${options.authServers} auth-server(s) and ${replicas} replica(s) ...`)
    const settings = PROFILES[options.profile].event === 'rotation' ? ROTATION_SETTINGS : {}
    await stack.start(Array.from({ length: options.authServers }, () => settings))
    await stack.startReplicas(replicas)
    return await runOn(stack, stack, options, say)
  } finally {
    await stack.stop()
  }
}

async function runOn(stack: OwnStack | null, where: Where, options: LoadOptions, say: Say): Promise<RunResult> {
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
  await engines.run(load, Math.min(WARM_UP_MS, duration / 4))
  const result = await runOnce({ options, load, engines, stack, where, signsAt })
  await engines.close()
  return result
}
