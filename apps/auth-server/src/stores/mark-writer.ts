import { type FamilyId, merge } from '../rules/family.ts'
import type { Growth } from './family-store.ts'

/** Postgres is at most this far behind Redis while it answers. Milliseconds. */
const WRITE_EVERY_MS = 100
/** Families in one statement. */
const BATCH = 500

export interface MarkWriterOptions {
  write: (growths: readonly Growth[]) => Promise<unknown>
  /** Told of a batch that could not be written; it is kept and tried again. */
  onError: (error: unknown) => void
}

/**
 * Gathers marks and writes them in batches, one entry a family however often it was refreshed. What a failed write held
 * is merged back, so nothing is lost while the process lives.
 */
export class MarkWriter {
  #waiting = new Map<FamilyId, Growth>()
  #writing: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  readonly #options: MarkWriterOptions

  constructor(options: MarkWriterOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  add(growth: Growth): void {
    const known = this.#waiting.get(growth.id)
    this.#waiting.set(growth.id, known ? { ...growth, marks: merge(known.marks, growth.marks) } : growth)
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS)
  }

  /** Writes what is waiting. Never throws: what fails stays. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    await this.#writing
    this.#writing = this.#write()
    await this.#writing
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS)
  }

  async close(): Promise<void> {
    await this.flush()
    if (this.#timer) clearTimeout(this.#timer)
  }

  async #write(): Promise<void> {
    const growths = [...this.#waiting.values()]
    this.#waiting = new Map()
    for (let from = 0; from < growths.length; from += BATCH) {
      const batch = growths.slice(from, from + BATCH)
      try {
        await this.#options.write(batch)
      } catch (error) {
        this.#options.onError(error)
        for (const growth of batch) this.add(growth)
      }
    }
  }
}
