import { setTimeout as sleep } from 'node:timers/promises'
import { coreTimeMs } from '@heirloom/harness/processes'
import { BOUND_MS, check } from './check.ts'
import type { Fault, FaultContext } from './faults/fault.ts'
import type { Invariant, Seen } from './ledger.ts'

export interface Timing {
  /** How long the normal rate is measured before. Milliseconds. */
  normalMs: number
  /** How long a fault lasts. Milliseconds. */
  faultMs: number
}

export interface Outcome extends Seen {
  name: string
  /** Refreshes for each second that the other programs on this machine left of a core. */
  normalRate: number
  duringRate: number
  /** From the mending until refreshes go through Redis and are as many as before; null where that did not come. */
  recoveredMs: number | null
  /** How each invariant was broken that was. */
  broken: ReadonlyMap<Invariant, string[]>
  /** A server that does not run answers nobody in time. */
  isMute: boolean
}

/** As many as before: a busy machine is not that even. */
const FULL_SPEED = 0.7
const SLICE_MS = 250
const RECOVERY_MS = 15_000

/** What a client may have to wait for an answer, whatever the answer is, on a machine that has time. */
const MOST_MS = 2_000
export const isLate = ({ slowestMs, untouchedMs, isMute }: Outcome) => !isMute && slowestMs > MOST_MS + untouchedMs

/** Whether all that is promised was kept. */
export const isHeld = (outcome: Outcome) =>
  outcome.broken.size === 0 && outcome.recoveredMs !== null && !isLate(outcome)

/** A row a fault: sums of what was counted, and the worst of what was measured. */
export function ofAllRuns(runs: readonly Outcome[][]): Outcome[] {
  return [...Map.groupBy(runs.flat(), ({ name }) => name).values()].map((same) => same.reduce(worseOf))
}

function worseOf(one: Outcome, other: Outcome): Outcome {
  const slower = one.duringRate / one.normalRate < other.duringRate / other.normalRate ? one : other
  const neverCame = one.recoveredMs === null || other.recoveredMs === null
  const later = one.slowestMs - one.untouchedMs > other.slowestMs - other.untouchedMs ? one : other
  const errors = new Map(one.errors)
  for (const [error, count] of other.errors) errors.set(error, (errors.get(error) ?? 0) + count)
  const broken = new Map(one.broken)
  for (const [invariant, ways] of other.broken) broken.set(invariant, [...(broken.get(invariant) ?? []), ...ways])
  return {
    ...slower,
    requests: one.requests + other.requests,
    refreshed: one.refreshed + other.refreshed,
    errors,
    slowestMs: later.slowestMs,
    untouchedMs: later.untouchedMs,
    recoveredMs: neverCame ? null : Math.max(one.recoveredMs ?? 0, other.recoveredMs ?? 0),
    broken,
  }
}

/** Breaks something under load, mends it, and tries what every client knows. */
export async function runFault(scene: FaultContext, fault: Fault, { normalMs, faultMs }: Timing): Promise<Outcome> {
  const { house, load } = scene
  const { ledger, client } = load.world
  const { name, isMute = false } = fault
  ledger.broken.clear()
  await load.refill()
  await fault.prepare?.(scene)
  load.boundMs = fault.isOneSided ? BOUND_MS : 0
  load.run()
  await recovery(scene, 0)
  // What has just started is slow at first.
  await sleep(normalMs / 2)
  const normalRate = await rateOver(scene, normalMs)
  ledger.takeSeen()

  client.patienceMs = fault.patienceMs ?? client.patienceMs
  await fault.inject(scene)
  const duringRate = await rateOver(scene, faultMs)
  await fault.heal(scene)
  const recoveredMs = await recovery(scene, normalRate * FULL_SPEED)
  client.bePatient()
  await load.pause()
  const seen = ledger.takeSeen()
  if (fault.isOneSided) await sleep(BOUND_MS)
  await check(house, load)
  await fault.tidy?.(scene)
  return { name, isMute, ...seen, normalRate, duringRate, recoveredMs, broken: new Map(ledger.broken) }
}

async function rateOver({ load }: FaultContext, ms: number): Promise<number> {
  const [began, before] = [coreTimeMs(), load.world.ledger.refreshed]
  await sleep(ms)
  return (1_000 * (load.world.ledger.refreshed - before)) / (coreTimeMs() - began)
}

async function recovery(scene: FaultContext, wanted: number): Promise<number | null> {
  const began = performance.now()
  while (performance.now() - began < RECOVERY_MS) {
    const from = performance.now()
    const isFast = (await rateOver(scene, SLICE_MS)) >= wanted
    if (isFast && (await scene.house.isRedisUsed())) return from - began
  }
  return null
}
