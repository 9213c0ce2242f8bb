/** The most lines of one kind in a minute. Further ones are counted, and the count becomes one line. */
const LINES_A_MINUTE = 60
const MINUTE_MS = 60_000

/**
 * Keeps a flood of requests from becoming a flood of lines. The program names the kinds, never a client, so there are few.
 */
export class LineBudget {
  readonly #kinds = new Map<string, { lines: number; more: number }>()
  readonly #report: (kind: string, more: number) => void
  readonly #timer: NodeJS.Timeout

  /** @param report called once a minute with how many lines of a kind were left out. */
  constructor(report: (kind: string, more: number) => void) {
    this.#report = report
    this.#timer = setInterval(() => this.#begin(), MINUTE_MS).unref()
  }

  /** Whether a line of this kind may be written. @param most the limit for this kind, per minute. */
  allows(kind: string, most = LINES_A_MINUTE): boolean {
    const spent = this.#kinds.get(kind) ?? { lines: 0, more: 0 }
    this.#kinds.set(kind, spent)
    const allowed = spent.lines < most
    if (allowed) spent.lines++
    else spent.more++
    return allowed
  }

  /** Reports what was left out, and stops. */
  close(): void {
    clearInterval(this.#timer)
    this.#begin()
  }

  #begin(): void {
    for (const [kind, { more }] of this.#kinds) if (more > 0) this.#report(kind, more)
    this.#kinds.clear()
  }
}
