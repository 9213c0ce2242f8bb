import type { Prisma, SecurityEvent } from '../generated/prisma/client.ts'
import { type Database, query } from '../postgres/database.ts'

/** One event as it is stored. `at` is in milliseconds. */
export interface KeptEvent {
  at: number
  type: string
  userId?: string
  sid?: string
  detail: Record<string, string | number>
  /** Events with the same key share one row. */
  repeatKey?: string
  /** How often it happened. The other fields are those of the first time. */
  times: number
}

const WRITE_EVERY_MS = 500
const RETRY_MS = 2_000
/** Events in one statement. */
const BATCH = 1_000
/** The most events that wait while Postgres is away. Further ones are only counted, in `leftOut`. */
const MAX_WAITING = 100_000

/** Events that one statement reads at most. */
const SCANNED_AT_ONCE = 2_000

/** Where a page ends. Two events may have the same time. */
interface EventPosition {
  at: Date
  id: bigint
}

interface WantedEvents {
  userId?: string | undefined
  type?: string | undefined
  since?: Date | undefined
  /** Not included. */
  until?: Date | undefined
  after?: EventPosition | undefined
}

/**
 * Stores security events in batches, so that no request waits for it. An event that repeats is one entry here and one row
 * in Postgres, whichever server saw it.
 */
export class AuditEvents {
  readonly #database: Database
  /** By `repeatKey`. An event without one is an entry of its own. */
  readonly #waiting = new Map<string | symbol, KeptEvent>()
  #writing: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | null = null
  /** How many events were dropped because too many waited. */
  leftOut = 0

  constructor(database: Database) {
    this.#database = database
  }

  get waiting(): number {
    return this.#waiting.size
  }

  add(event: KeptEvent): void {
    const key = event.repeatKey ?? Symbol('once')
    const known = this.#waiting.get(key)
    if (known) known.times += event.times
    else if (this.#waiting.size >= MAX_WAITING) this.leftOut++
    else this.#waiting.set(key, event)
    this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS)
  }

  /** Writes what is waiting. Never throws: a failed write is tried again. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#writing = this.#writing.then(() => this.#write())
    await this.#writing
  }

  async #write(): Promise<void> {
    // Events that arrive meanwhile wait for the next flush, so that they are batched too.
    for (let batches = Math.ceil(this.#waiting.size / BATCH); batches > 0; batches--) {
      const batch: [string | symbol, KeptEvent][] = []
      for (const entry of this.#waiting) if (batch.push(entry) === BATCH) break
      const sent = batch.map(([, event]) => ({ ...event }))
      try {
        await this.#insert(sent)
      } catch {
        this.#timer ??= setTimeout(() => void this.flush(), RETRY_MS).unref()
        return
      }
      for (const [i, [key, event]] of batch.entries()) {
        this.#waiting.delete(key)
        event.times -= sent[i]?.times ?? 0
        if (event.times > 0) this.#waiting.set(key, event)
      }
    }
  }

  /** Inserts in the order of their keys, so that two servers cannot deadlock. */
  async #insert(events: readonly KeptEvent[]): Promise<void> {
    const rows = events.map(({ at, type, userId, sid, detail, repeatKey, times }) => ({
      at: new Date(at),
      type,
      user_id: userId,
      sid,
      detail,
      repeat_key: repeatKey,
      times,
    }))
    await query(this.#database.$executeRaw`
      INSERT INTO ${this.#database.tables.securityEvents} AS kept (at, type, user_id, sid, detail, repeat_key, times)
      SELECT at, type, user_id, sid, detail, repeat_key, times FROM json_to_recordset(${JSON.stringify(rows)}::json)
        AS e(at timestamptz, type text, user_id uuid, sid uuid, detail jsonb, repeat_key text, times bigint)
      ORDER BY repeat_key NULLS FIRST
      ON CONFLICT (repeat_key) DO UPDATE SET times = kept.times + excluded.times`)
  }

  /** The newest `limit` events of a user, newest first: all, or those of some types. */
  async ofUser(userId: string, limit: number, types?: readonly string[]): Promise<KeptEvent[]> {
    const where = { userId, ...(types && { type: { in: [...types] } }) }
    const rows = await query(this.#database.securityEvent.findMany({ where, orderBy: { at: 'desc' }, take: limit }))
    return rows.map(toKept)
  }

  /**
   * The next events that are wanted, newest first, among the next `SCANNED_AT_ONCE`. `next` is where to go on, or null at the
   * end; there may be a next and no event. There is no index of the types: what happens a thousand times a second need not pay
   * for what is asked once a day.
   */
  async page(
    { userId, type, since, until, after }: WantedEvents,
    limit: number,
  ): Promise<{ events: KeptEvent[]; next: EventPosition | null }> {
    const before: Prisma.SecurityEventWhereInput = after
      ? { at: { lte: after.at }, OR: [{ at: { lt: after.at } }, { id: { lt: after.id } }] }
      : {}
    const times = { ...(since && { gte: since }), ...(until && { lt: until }) }
    const where = { AND: [before, { at: times }, ...(userId === undefined ? [] : [{ userId }])] }
    const rows = await query(
      this.#database.securityEvent.findMany({
        where,
        orderBy: [{ at: 'desc' }, { id: 'desc' }],
        take: type === undefined ? limit + 1 : SCANNED_AT_ONCE,
      }),
    )
    const wanted = type === undefined ? rows : rows.filter((row) => row.type === type)
    const page = wanted.slice(0, limit)
    const hasMore = wanted.length > limit || (type !== undefined && rows.length === SCANNED_AT_ONCE)
    const last = wanted.length > limit ? page.at(-1) : rows.at(-1)
    return { events: page.map(toKept), next: hasMore && last ? { at: last.at, id: last.id } : null }
  }

  /** Deletes up to `limit` events from before `before`. */
  async prune(before: Date, limit: number): Promise<number> {
    const { securityEvents } = this.#database.tables
    return query(this.#database.$executeRaw`
      DELETE FROM ${securityEvents} WHERE id IN (
        SELECT id FROM ${securityEvents} WHERE at < ${before} ORDER BY at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`)
  }
}

const toKept = ({ at, type, userId, sid, detail, times }: SecurityEvent): KeptEvent => ({
  at: at.getTime(),
  type,
  ...(userId !== null && { userId }),
  ...(sid !== null && { sid }),
  detail: detail as Prisma.JsonObject as Record<string, string | number>,
  times: Number(times),
})
