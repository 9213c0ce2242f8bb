import type { Prisma } from '../generated/prisma/client.ts'
import { type Database, ask } from './database.ts'

/** One event as it is kept. `at` in milliseconds. */
export interface KeptEvent {
  at: number
  type: string
  userId?: string
  sid?: string
  detail: Record<string, string | number>
}

const WRITE_EVERY_MS = 500
const RETRY_MS = 2_000
/** Events in one statement. */
const BATCH = 1_000
/** While Postgres is away. Beyond, events are counted and left out; each was a line in the log too. */
const MOST_WAITING = 100_000

/** Keeps security events, in batches and never in the way of a request. */
export class SecurityEvents {
  readonly #database: Database
  #waiting: KeptEvent[] = []
  #writing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  /** Events that found no place. */
  leftOut = 0

  constructor(database: Database) {
    this.#database = database
  }

  get waiting(): number {
    return this.#waiting.length
  }

  add(event: KeptEvent): void {
    if (this.#waiting.length >= MOST_WAITING) this.leftOut++
    else this.#waiting.push(event)
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS)
  }

  /** Writes what is waiting. Never throws: what fails is tried again. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#writing = this.#writing.then(() => this.#write())
    await this.#writing
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH)
      const data = batch.map(({ at, userId, sid, ...rest }) => ({
        ...rest,
        at: new Date(at),
        userId: userId ?? null,
        sid: sid ?? null,
      }))
      try {
        await ask(this.#database.securityEvent.createMany({ data }))
      } catch {
        this.#timer ??= setTimeout(() => void this.flush(), RETRY_MS).unref()
        return
      }
      this.#waiting.splice(0, batch.length)
    }
  }

  /** The newest `limit` events of a user, newest first. */
  async ofUser(userId: string, limit: number): Promise<KeptEvent[]> {
    const rows = await ask(
      this.#database.securityEvent.findMany({ where: { userId }, orderBy: { at: 'desc' }, take: limit }),
    )
    return rows.map(({ at, type, sid, detail }) => ({
      at: at.getTime(),
      type,
      userId,
      ...(sid !== null && { sid }),
      detail: detail as Prisma.JsonObject as Record<string, string | number>,
    }))
  }

  /** Deletes up to `limit` events from before `before`. */
  async prune(before: Date, limit: number): Promise<number> {
    const { securityEvents } = this.#database.tables
    return ask(this.#database.$executeRaw`
      DELETE FROM ${securityEvents} WHERE id IN (
        SELECT id FROM ${securityEvents} WHERE at < ${before} ORDER BY at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`)
  }
}
