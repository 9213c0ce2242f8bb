import { type FamilyId, type FamilyState, merge } from '../rules/family.ts'
import type { FamilyUpdate } from '../stores/family-store.ts'

/** Postgres is at most this far behind Redis while it answers. Milliseconds. */
const WRITE_EVERY_MS = 100
const RETRY_MS = 500
/** Families in one statement. */
const BATCH = 500
/** About 300 MB. Beyond, what Redis has is written with the family's next refresh. */
const MOST_WAITING = 1_000_000

export interface WriteBehindOptions {
  write: (growths: readonly FamilyUpdate[]) => Promise<unknown>
  /** Told when writing begins to fail, and when it works again. */
  onChange: (isWriting: boolean) => void
}

/**
 * Gathers marks and writes them in batches, one entry a family however often it was refreshed. What a failed write held
 * is merged back, so nothing is lost while the process lives.
 */
export class WriteBehind {
  readonly #options: WriteBehindOptions
  readonly #waiting = new Map<FamilyId, FamilyUpdate>()
  /** On their way to Postgres. */
  readonly #leaving = new Map<FamilyId, FamilyUpdate>()
  #writing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  #fails = false
  #closed = false

  constructor(options: WriteBehindOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size + this.#leaving.size
  }

  /** What Postgres may not have yet, or undefined. */
  pending(id: FamilyId): FamilyState | undefined {
    const [waiting, leaving] = [this.#waiting.get(id)?.state, this.#leaving.get(id)?.state]
    return waiting && leaving ? merge(waiting, leaving) : (waiting ?? leaving)
  }

  add(growth: FamilyUpdate): void {
    const known = this.#waiting.get(growth.id)
    if (!known && this.#waiting.size >= MOST_WAITING) return
    this.#waiting.set(growth.id, known ? { ...growth, state: merge(known.state, growth.state) } : growth)
    this.#schedule()
  }

  /** Writes what is waiting. Never throws: what fails stays. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#writing = this.#writing.then(() => this.#write())
    await this.#writing
  }

  /** Writes what is waiting, once; what Postgres does not take then is in Redis. */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => void this.flush(), this.#fails ? RETRY_MS : WRITE_EVERY_MS)
  }

  async #write(): Promise<void> {
    // What comes in meanwhile waits for the next time, so that it is gathered too.
    for (let batches = Math.ceil(this.#waiting.size / BATCH); batches > 0; batches--) {
      for (const [id, growth] of this.#waiting) {
        if (this.#leaving.size >= BATCH) break
        this.#leaving.set(id, growth)
        this.#waiting.delete(id)
      }
      const growths = [...this.#leaving.values()]
      try {
        await this.#options.write(growths)
        this.#leaving.clear()
        this.#report(false)
      } catch {
        this.#leaving.clear()
        this.#report(true)
        for (const growth of growths) this.add(growth)
        return
      }
    }
  }

  #report(fails: boolean): void {
    if (fails !== this.#fails) this.#options.onChange(!fails)
    this.#fails = fails
  }
}
