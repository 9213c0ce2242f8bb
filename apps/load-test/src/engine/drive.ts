import { setTimeout as sleep } from 'node:timers/promises'
import type { Tally } from './tally.ts'

/** When requests are sent. */
export type Load =
  /** Open: requests arrive at random at this rate, whether or not answers come. */
  | { model: 'arrivals'; perSecond: number }
  /** Closed: each client has its own schedule, `thinkMs` apart on average. A client that is late catches up. */
  | { model: 'paced'; thinkMs: number }
  /** Closed: this many requests are in flight at any time, from each client in turn. */
  | { model: 'saturating'; inFlight: number }

/** Does what was due at this time. Never rejects. */
export type Act = (dueAt: number) => Promise<void>

/** The time between two independent arrivals. */
const gapMs = (meanMs: number) => -Math.log(1 - Math.random()) * meanMs

/** Lets clients act for this time, then waits for the last answers. */
export async function drive(load: Load, clients: readonly Act[], durationMs: number, tally: Tally): Promise<void> {
  const end = performance.now() + durationMs
  if (load.model === 'arrivals') return arrive(1000 / load.perSecond, clients, end, tally)
  if (load.model === 'paced') {
    await Promise.all(clients.map((act) => keepPace(load.thinkMs, act, end, tally)))
  } else {
    let turn = 0
    const hurry = async () => {
      while (performance.now() < end) await clients[turn++ % clients.length]?.(performance.now())
    }
    await Promise.all(Array.from({ length: load.inFlight }, hurry))
  }
}

async function arrive(meanGapMs: number, clients: readonly Act[], end: number, tally: Tally): Promise<void> {
  const inFlight = new Set<Promise<void>>()
  let dueAt = performance.now()
  while ((dueAt += gapMs(meanGapMs)) < end) {
    const waitMs = dueAt - performance.now()
    // A timer takes at least a millisecond: arrivals within the same one begin together.
    if (waitMs > 0) await sleep(waitMs)
    tally.begunLate(Math.max(0, performance.now() - dueAt))
    // A timer may also be a little early.
    const work = clients[Math.floor(Math.random() * clients.length)]?.(Math.min(dueAt, performance.now()))
    if (!work) continue
    inFlight.add(work)
    void work.finally(() => inFlight.delete(work))
  }
  await Promise.all(inFlight)
}

async function keepPace(thinkMs: number, act: Act, end: number, tally: Tally): Promise<void> {
  let dueAt = performance.now() + Math.random() * thinkMs
  while (Math.max(dueAt, performance.now()) < end) {
    const waitMs = dueAt - performance.now()
    if (waitMs > 0) {
      await sleep(waitMs)
      tally.begunLate(Math.max(0, performance.now() - dueAt))
    }
    await act(Math.min(dueAt, performance.now()))
    dueAt += gapMs(thinkMs)
  }
}
