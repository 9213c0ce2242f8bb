/** Lines that say the same in this many milliseconds are one. */
const EVERY_MS = 60_000
/** What is told apart. Beyond, it begins anew: a flood must not fill the memory either. */
const MOST_KINDS = 100

/** Keeps what happens with every request, or every few seconds, from filling the log: tells the first of a kind, then one a minute. */
export class Repeats {
  readonly #told = new Map<string, { at: number; leftOut: number }>()
  readonly #now: () => number

  /** @param now in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** How many of this kind were left out since the last that was told, or null where this one is to be left out. */
  due(kind: string): number | null {
    const now = this.#now()
    const last = this.#told.get(kind)
    if (last && now < last.at + EVERY_MS) {
      last.leftOut++
      return null
    }
    if (!last && this.#told.size >= MOST_KINDS) this.#told.clear()
    this.#told.set(kind, { at: now, leftOut: 0 })
    return last?.leftOut ?? 0
  }
}
