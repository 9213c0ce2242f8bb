import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Runtime } from '@heirloom/verifier'

/** Timers fire to this many milliseconds. What they start is over before the next ones fire. */
const STEP_MS = 100

/** Time that passes as fast as its timers can be served; its randomness is the same in every run. */
export class VirtualTime {
  #now = 0
  readonly #due = new Map<number, Set<() => void>>()
  #seed = 1

  readonly now = () => this.#now

  /** mulberry32. */
  readonly random = () => {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  readonly setTimer: Runtime['setTimer'] = (callback, milliseconds) => {
    const step = Math.max(Math.ceil((this.#now + milliseconds) / STEP_MS), this.#now / STEP_MS + 1)
    const callbacks = this.#due.get(step) ?? new Set()
    this.#due.set(step, callbacks)
    // Another timer may have the same callback.
    const call = () => callback()
    callbacks.add(call)
    return () => void callbacks.delete(call)
  }

  async advance(milliseconds: number): Promise<void> {
    for (const end = this.#now + milliseconds; this.#now < end;) {
      this.#now += STEP_MS
      const callbacks = this.#due.get(this.#now / STEP_MS)
      if (!callbacks) continue
      this.#due.delete(this.#now / STEP_MS)
      for (const callback of callbacks) callback()
      await this.settle()
    }
  }

  /** Lets promises go on until nothing is left to do at this time: nothing here waits for the real context. */
  async settle(): Promise<void> {
    await nextTurn()
    await nextTurn()
  }
}
