import { setTimeout as sleep } from 'node:timers/promises'
import { coreTimeMs } from '@heirloom/harness/processes'
import { BOUND_MS, check } from './check.ts'
import type { Fault, FaultContext } from './faults/fault.ts'
import type { Invariant, Seen } from './ledger.ts'

export interface Timing {
  /** How long the normal rate is measured before the fault, in milliseconds. */
  normalMs: number
  /** How long a fault lasts, in milliseconds. */
  faultMs: number
}

export interface Outcome extends Seen {
  name: string
  /** Refreshes per second of CPU time that other programs left of the cores. */
  normalRate: number
  duringRate: number
  /** From the repair until refreshes go through Redis at the normal rate. Null if that did not happen. */
  recoveredMs: number | null
  /** The broken invariants, and how each was broken. */
  broken: ReadonlyMap<Invariant, string[]>
  /** A suspended server cannot answer in time. */
  isSuspended: boolean
}

/** This share of the normal rate counts as normal: a busy machine varies. */
const FULL_SPEED = 0.7
const SLICE_MS = 250
const RECOVERY_MS = 15_000

/** The longest that any answer may take, beyond what a busy machine adds. */
const MAX_MS = 2_000
export const isLate = ({ slowestMs, untouchedMs, isSuspended }: Outcome) =>
  !isSuspended && slowestMs > MAX_MS + untouchedMs

/** Whether every promise was kept. */
export const isHeld = (outcome: Outcome) =>
  outcome.broken.size === 0 && outcome.recoveredMs !== null && !isLate(outcome)

/** One outcome per fault: sums of the counts, and the worst of the measurements. */
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

/** Breaks something under load, repairs it, and checks the invariants. */
export async function runFault(context: FaultContext, fault: Fault, { normalMs, faultMs }: Timing): Promise<Outcome> {
  const { cluster, load } = context
  const { ledger, client } = load.context
  const { name, isSuspended = false } = fault
  ledger.broken.clear()
  await load.refill()
  await fault.prepare?.(context)
  load.boundMs = load.revocations.boundMs = fault.isOneSided ? BOUND_MS : 0
  load.run()
  await recovery(context, 0)
  // Processes that have just started are slow.
  await sleep(normalMs / 2)
  const normalRate = await rateOver(context, normalMs)
  ledger.takeSeen()

  client.patienceMs = fault.patienceMs ?? client.patienceMs
  await fault.inject(context)
  const duringRate = await rateOver(context, Math.max(faultMs, fault.leastMs ?? 0))
  await fault.heal(context)
  const recoveredMs = await recovery(context, normalRate * FULL_SPEED)
  client.resetPatience()
  await load.pause()
  await load.revocations.settle()
  const seen = ledger.takeSeen()
  if (fault.isOneSided) await sleep(BOUND_MS)
  await check(cluster, load)
  await fault.tidy?.(context)
  return { name, isSuspended, ...seen, normalRate, duringRate, recoveredMs, broken: new Map(ledger.broken) }
}

async function rateOver({ load }: FaultContext, ms: number): Promise<number> {
  const [began, before] = [coreTimeMs(), load.context.ledger.refreshed]
  await sleep(ms)
  return (1_000 * (load.context.ledger.refreshed - before)) / (coreTimeMs() - began)
}

async function recovery(context: FaultContext, wanted: number): Promise<number | null> {
  const began = performance.now()
  while (performance.now() - began < RECOVERY_MS) {
    const from = performance.now()
    const isFast = (await rateOver(context, SLICE_MS)) >= wanted
    if (isFast && (await context.cluster.isRedisUsed())) return from - began
  }
  return null
}
