import { type FamilyId, type FamilyState, merge } from '../rules/family.ts'
import type { FamilyUpdate } from '../stores/family-store.ts'

/** Postgres is at most this far behind Redis while it answers. Milliseconds. */
const WRITE_EVERY_MS = 100
const RETRY_MS = 500
/** Families in one statement. */
const BATCH = 500
/** About 300 MB. Beyond this, an update stays in Redis alone, and is written with the next refresh of its family. */
const MAX_WAITING = 1_000_000

export interface WriteBehindOptions {
  write: (updates: readonly FamilyUpdate[]) => Promise<unknown>
  /** Called when writing begins to fail, and when it works again. */
  onChange: (isWriting: boolean) => void
}

/**
 * Collects updates and writes them to Postgres in batches: one entry per family, however often it was refreshed. A failed
 * write is merged back, so nothing is lost while the process lives.
 */
export class WriteBehind {
  readonly #options: WriteBehindOptions
  readonly #waiting = new Map<FamilyId, FamilyUpdate>()
  /** The updates in the statement that is running. */
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

  /** The updates of a family that Postgres may not have yet, merged; or undefined. */
  pending(id: FamilyId): FamilyState | undefined {
    const [waiting, leaving] = [this.#waiting.get(id)?.state, this.#leaving.get(id)?.state]
    return waiting && leaving ? merge(waiting, leaving) : (waiting ?? leaving)
  }

  add(update: FamilyUpdate): void {
    const known = this.#waiting.get(update.id)
    if (!known && this.#waiting.size >= MAX_WAITING) return
    this.#waiting.set(update.id, known ? { ...update, state: merge(known.state, update.state) } : update)
    this.#schedule()
  }

  /** Writes what is waiting. Never throws: what could not be written keeps waiting. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#writing = this.#writing.then(() => this.#write())
    await this.#writing
  }

  /** Writes what is waiting, once. What Postgres does not take stays in Redis. */
  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => void this.flush(), this.#fails ? RETRY_MS : WRITE_EVERY_MS)
  }

  async #write(): Promise<void> {
    // Updates that arrive meanwhile wait for the next flush, so that they are batched too.
    for (let batches = Math.ceil(this.#waiting.size / BATCH); batches > 0; batches--) {
      for (const [id, update] of this.#waiting) {
        if (this.#leaving.size >= BATCH) break
        this.#leaving.set(id, update)
        this.#waiting.delete(id)
      }
      const updates = [...this.#leaving.values()]
      try {
        await this.#options.write(updates)
        this.#leaving.clear()
        this.#report(false)
      } catch {
        this.#leaving.clear()
        this.#report(true)
        for (const update of updates) this.add(update)
        return
      }
    }
  }

  #report(fails: boolean): void {
    if (fails !== this.#fails) this.#options.onChange(!fails)
    this.#fails = fails
  }
}
