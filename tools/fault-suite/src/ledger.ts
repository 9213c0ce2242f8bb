import type { Answer } from './client.ts'

/** docs/explanation/the-two-stores.md describes them. */
export const INVARIANTS = [1, 2, 3, 4, 5, 6, 7] as const
export type Invariant = (typeof INVARIANTS)[number]

/** What clients saw between two moments. */
export interface Seen {
  requests: number
  refreshed: number
  /** By status and route, what was neither a success nor a refusal that was due. */
  errors: Map<string, number>
  slowestMs: number
  /** The slowest answer of a resource service, which no fault touches: what a busy machine adds. */
  untouchedMs: number
}

/** What every client knows: each acknowledged answer, and what was broken. */
export class Ledger {
  /** The session that each end was acknowledged for: its last token, which must not work. */
  readonly ended: string[] = []
  /** Tokens of sessions in which a thief was found. */
  readonly stolen: string[] = []
  /** Sessions that were opened, and logins whose answer did not come. */
  opened = 0
  inDoubt = 0
  /** Rows that a restore of Postgres did not bring back. */
  forgotten = 0
  readonly broken = new Map<Invariant, string[]>()
  readonly #successors = new Map<string, string>()
  #seen: Seen = nothingSeen()

  /** What was seen since the last call. */
  takeSeen(): Seen {
    const seen = this.#seen
    this.#seen = nothingSeen()
    return seen
  }

  get refreshed(): number {
    return this.#seen.refreshed
  }

  /** Every answer goes through here. */
  note(path: string, { status, ms, hasRetryAfter }: Answer, isDue: boolean): void {
    this.#seen.requests++
    // A client in a hurry ends some by itself, and those were not slow.
    if (status !== 'cut') this.#seen.slowestMs = Math.max(this.#seen.slowestMs, ms)
    if (isDue) return
    this.#count(`${status} ${path.replace('/auth/', '')}`)
    if (status === 503 && !hasRetryAfter) this.breaks(7, '503 without Retry-After')
    if (typeof status === 'number' && status >= 500 && status !== 503) this.breaks(7, `an answer of ${status}`)
  }

  /** @param isOutOfTime whether the token's times, by the clock of whoever checks it, are not now. */
  noteUntouched(answer: Answer, isOutOfTime: boolean): void {
    const { status, ms } = answer
    this.#seen.untouchedMs = Math.max(this.#seen.untouchedMs, ms)
    if (status === 401 && isOutOfTime) this.#count('401 resource')
    else if (status !== 200) this.breaks(6, `a resource service answered ${status}`)
  }

  #count(error: string): void {
    this.#seen.errors.set(error, (this.#seen.errors.get(error) ?? 0) + 1)
  }

  rotated(presented: string, successor: string): void {
    this.#seen.refreshed++
    const known = this.#successors.get(presented)
    this.#successors.set(presented, successor)
    if (known !== undefined && known !== successor) this.breaks(3, 'one token was answered with two successors')
  }

  breaks(invariant: Invariant, how: string): void {
    this.broken.set(invariant, [...(this.broken.get(invariant) ?? []), how])
  }
}

const nothingSeen = (): Seen => ({ requests: 0, refreshed: 0, errors: new Map(), slowestMs: 0, untouchedMs: 0 })
