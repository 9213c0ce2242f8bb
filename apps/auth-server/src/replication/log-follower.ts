import type { Reading, RevocationLog } from '../stores/revocation-log.ts'

/** What was listed later than it says, or has the time of another clock, is found by reading everything. */
const READ_ALL_EVERY_MS = 60_000
const MAX_AT_ONCE = 2_000

export type Found = Reading & { given?: number }

/** Reads what is new in a log of revocations. After an error, and once a minute, it reads everything. */
export class LogFollower {
  readonly #log: RevocationLog
  readonly #overlapMs: number
  readonly #take: (found: Found) => void
  #polling: Promise<unknown> | null = null
  /** When the last reading began that succeeded, by `performance.now()`. */
  #readAt = -Infinity
  /** What was in the log before then is known. */
  #knownUntil = -Infinity
  #readAllAt = -Infinity
  #trouble: unknown = null

  /** @param overlapMs how long a revocation may take, from its time on, until it can be read. */
  constructor(log: RevocationLog, overlapMs: number, take: (found: Found) => void) {
    this.#log = log
    this.#overlapMs = overlapMs
    this.#take = take
  }

  get readAt(): number {
    return this.#readAt
  }

  /** Why the last poll failed; null if it did not. */
  get trouble(): unknown {
    return this.#trouble
  }

  /** The next poll reads everything. */
  forget(): void {
    this.#knownUntil = -Infinity
  }

  /** Concurrent callers share one poll. Never throws. @param windowMs how far back everything goes. */
  poll(windowMs: number): Promise<unknown> {
    this.#polling ??= this.#pollOnce(windowMs)
      .then(
        () => (this.#trouble = null),
        (error: unknown) => {
          this.#trouble = error
          this.forget()
        },
      )
      .finally(() => (this.#polling = null))
    return this.#polling
  }

  async #pollOnce(windowMs: number): Promise<void> {
    const began = performance.now()
    if (began > this.#readAllAt + READ_ALL_EVERY_MS) this.forget()
    const withinMs = Math.min(windowMs, began - this.#knownUntil + this.#overlapMs)
    if (withinMs === windowMs) this.#readAllAt = began
    this.#knownUntil = began
    let from = 0
    for (let limit = MAX_AT_ONCE; ;) {
      const found = await this.#log.read(withinMs, from, limit)
      this.#take(found)
      if (found.entries.length < limit) break
      const last = found.entries.at(-1)?.[1] ?? 0
      // The next page begins with the last one's end, since more may have the same time. Should all of it: with a larger page.
      if (last === from) limit *= 2
      from = last
    }
    this.#readAt = began
  }
}
