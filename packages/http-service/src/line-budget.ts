/** Lines of one kind in a minute. Beyond, they are counted, and the count is one line. */
const LINES_A_MINUTE = 60
const MINUTE_MS = 60_000

/**
 * Keeps a flood of requests from being a flood of lines. Kinds are named by the program, never by a client, so that there
 * are few.
 */
export class LineBudget {
  readonly #kinds = new Map<string, { lines: number; more: number }>()
  readonly #tell: (kind: string, more: number) => void
  readonly #timer: NodeJS.Timeout

  /** @param tell told once a minute how many lines of a kind were left out. */
  constructor(tell: (kind: string, more: number) => void) {
    this.#tell = tell
    this.#timer = setInterval(() => this.#begin(), MINUTE_MS).unref()
  }

  /** Whether a line of this kind may be written. @param most of this kind in a minute. */
  allows(kind: string, most = LINES_A_MINUTE): boolean {
    const spent = this.#kinds.get(kind) ?? { lines: 0, more: 0 }
    this.#kinds.set(kind, spent)
    const allowed = spent.lines < most
    if (allowed) spent.lines++
    else spent.more++
    return allowed
  }

  /** Tells what was left out since. */
  close(): void {
    clearInterval(this.#timer)
    this.#begin()
  }

  #begin(): void {
    for (const [kind, { more }] of this.#kinds) if (more > 0) this.#tell(kind, more)
    this.#kinds.clear()
  }
}
