import type { Answer } from './client.ts'

/** docs/explanation/the-two-stores.md explains them. */
export const INVARIANTS = [1, 2, 3, 4, 5, 6, 7, 10] as const
export type Invariant = (typeof INVARIANTS)[number]

/** What clients saw in some period. */
export interface Seen {
  requests: number
  refreshed: number
  /** Answers that were neither a success nor a due refusal, by status and route. */
  errors: Map<string, number>
  slowestMs: number
  /** The slowest answer of a resource service, which no fault affects: it measures how busy the machine is. */
  untouchedMs: number
}

/** Every acknowledged answer that any client got, and every broken invariant. */
export class Ledger {
  /** The last tokens of sessions whose logout was acknowledged. They must not work. */
  readonly ended: string[] = []
  /** Tokens of sessions that ended because a theft was detected. */
  readonly stolen: string[] = []
  /** Sessions that were opened. */
  opened = 0
  /** Logins without an answer. */
  inDoubt = 0
  /** Rows that are missing after a restore of Postgres. */
  forgotten = 0
  readonly broken = new Map<Invariant, string[]>()
  readonly #successors = new Map<string, string>()
  #seen: Seen = nothingSeen()

  /** What clients saw since the last call. */
  takeSeen(): Seen {
    const seen = this.#seen
    this.#seen = nothingSeen()
    return seen
  }

  /** How busy the machine is. */
  get untouchedMs(): number {
    return this.#seen.untouchedMs
  }

  get refreshed(): number {
    return this.#seen.refreshed
  }

  /** Counts an answer. @param isDue whether it is a success or a refusal that was due. */
  note(path: string, { status, ms, hasRetryAfter }: Answer, isDue: boolean): void {
    this.#seen.requests++
    // An impatient client cuts some by itself. These were not slow.
    if (status !== 'cut') this.#seen.slowestMs = Math.max(this.#seen.slowestMs, ms)
    if (isDue) return
    this.#count(`${status} ${path.replace('/auth/', '')}`)
    if (status === 503 && !hasRetryAfter) this.breaks(7, 'a 503 came without Retry-After')
    if (typeof status === 'number' && status >= 500 && status !== 503)
      this.breaks(7, `a request was answered ${status}`)
  }

  /** Counts an answer of the resource service. @param isOutOfTime whether the token is not valid now, by this machine's clock. */
  noteUntouched(answer: Answer, isOutOfTime: boolean): void {
    const { status, ms } = answer
    this.noteBusy(ms)
    if (status === 401 && isOutOfTime) this.#count('401 resource')
    else if (status !== 200) this.breaks(6, `the resource service answered ${status}`)
  }

  /** How long an answer took that no fault affects. */
  noteBusy(ms: number): void {
    this.#seen.untouchedMs = Math.max(this.#seen.untouchedMs, ms)
  }

  /** A service that could not have its list accepted the token of an ended session, as its mode says. */
  noteUnchecked(mode: 'open' | 'closed'): void {
    this.#count(`unchecked ${mode}`)
  }

  #count(error: string): void {
    this.#seen.errors.set(error, (this.#seen.errors.get(error) ?? 0) + 1)
  }

  rotated(presented: string, successor: string): void {
    this.#seen.refreshed++
    const known = this.#successors.get(presented)
    this.#successors.set(presented, successor)
    if (known !== undefined && known !== successor) this.breaks(3, 'one token had two successors')
  }

  breaks(invariant: Invariant, how: string): void {
    this.broken.set(invariant, [...(this.broken.get(invariant) ?? []), how])
  }
}

const nothingSeen = (): Seen => ({ requests: 0, refreshed: 0, errors: new Map(), slowestMs: 0, untouchedMs: 0 })
