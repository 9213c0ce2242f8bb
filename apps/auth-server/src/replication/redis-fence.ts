import { type SharedFence, type RedisEpoch, decideFence } from '../rules/decide-fence.ts'
import { type Database, query } from '../postgres/database.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import { StoreUnavailable } from '../stores/store-unavailable.ts'

/** How soon one server sees what another one wrote past Redis. */
const POLL_EVERY_MS = 250
/** How long a server's word that it works without Redis stands; it repeats it at every look, while it writes. */
const DISABLED_FOR_MS = 1_000
/** A server that wrote past Redis is taken to do so again within this, so that its use is not resumed and suspended by turns. */
const WRITES_PAST_MS = 5_000

interface Row {
  epoch: bigint
  run_id: string
  suspended: SharedFence['suspended']
}

/**
 * Keeps servers from believing a Redis that missed something: one that was away, hung, restarted from an old snapshot,
 * replaced by a replica, or that one server alone cannot see. The rule is `decideTrust`; what the servers must know of
 * each other is one row in Postgres.
 */
export class RedisFence {
  readonly #database: Database
  readonly #redis: RedisAccess | null
  readonly #onChange: (isTrusted: boolean) => void
  #current: RedisEpoch | null = null
  #newestEpoch = 0
  /** What was believed without a break; a suspension of our own breaks it. */
  #last: RedisEpoch | null = null
  #polling: Promise<void> | null = null
  #disabling: Promise<void> | null = null
  #disableNext: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** How often the connection ended: what was seen before the last time says nothing about the Redis after it. */
  #losses = 0
  /** How often something else than a look ended the belief: a look that began before may have read what was before. */
  #invalidations = 0
  /** When a mark was last written past Redis. */
  #wrotePastAt = -Infinity
  /** So long, at least, the last suspension of our own stands. */
  #suspendedUntil = -Infinity
  /** At the last look nobody had ever believed Redis. */
  #isUnused = false
  /** Why Redis did not answer the last look, or null. */
  #trouble: unknown = null
  /** What waits for an answer of the Redis that is believed. */
  readonly #waiting = new Set<(error: StoreUnavailable) => void>()

  /**
   * @param redis null for a server that is to work without: it tells those that do not what it writes.
   * @param onChange told when Redis begins or ceases to be believed.
   */
  constructor(database: Database, redis: RedisAccess | null, onChange: (isTrusted: boolean) => void) {
    this.#database = database
    this.#redis = redis
    this.#onChange = onChange
  }

  /** Whether Redis may be asked; else work through Postgres. */
  get isEnabled(): boolean {
    return this.#current !== null
  }

  /** Why Redis took no write at the last look; null where it did, or where there is none. */
  get trouble(): unknown {
    return this.#trouble
  }

  /** A copy in Redis must be of this epoch, or a later one, to be believed. */
  get epoch(): number {
    return this.#newestEpoch
  }

  /**
   * What Redis answers, as long as it is believed: a Redis that hangs is found out by the first request or look that it keeps
   * waiting, and no other one waits for longer. @throws StoreUnavailable
   */
  whileEnabled<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      const settle = () => this.#waiting.delete(reject)
      answer.then(
        (value) => settle() && resolve(value),
        (error: unknown) => settle() && reject(error),
      )
    })
  }

  /** Looks for the first time, then again and again until `stop`. */
  async start(): Promise<void> {
    this.#redis?.onLost(() => {
      if (this.#stopped) return
      this.#losses++
      this.#set(null)
      void this.poll()
    })
    await this.poll()
    this.#timer = setInterval(() => void this.poll(), POLL_EVERY_MS)
  }

  /** Afterwards nothing is asked of the stores: a connection that is closed on purpose is no reason to suspend. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#polling
  }

  /** Finds out where things stand; callers at the same time share one look. Never throws. */
  poll(): Promise<void> {
    this.#polling ??= this.#pollUntilStable().finally(() => (this.#polling = null))
    return this.#polling
  }

  /**
   * Tells all servers that Postgres has something that Redis misses. When it returns, whoever looks works through Postgres
   * until all copies in Redis are to be merged anew. @throws StoreUnavailable where Postgres does not answer.
   */
  async disable(): Promise<void> {
    // Only a statement that starts after this call covers what the caller wrote before it.
    this.#disableNext ??= (this.#disabling ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#disableNext = null
        this.#disabling = this.#writeDisabled()
        return this.#disabling
      })
    return this.#disableNext
  }

  /**
   * Makes sure, after a commit to Postgres, that no server goes on with a copy in Redis that lacks it: either what was
   * written to Redis in `epoch` still counts, or the use of Redis is suspended.
   * @param epoch as it was before the write to Redis, or null where that failed. @throws StoreUnavailable
   */
  async ensureVisible(epoch: number | null): Promise<void> {
    const shared = await this.#read()
    // Nobody is to believe Redis, and the epoch in which somebody will begins after the commit. Suspending it anew each
    // time would never let it begin while users log out.
    if (shared && (shared.suspended !== 'never' || shared.runId === '')) return this.#invalidate()
    if (shared && this.#current?.runId === shared.runId && shared.epoch === epoch) return
    await this.disable()
  }

  /**
   * To be asked after a refresh was committed to Postgres alone. True: no server uses Redis, and one that begins to will
   * begin its epoch after that commit, and see it. Unlike `ensureVisible` it leaves a poll that is under way alone: with
   * a refresh at every moment, this server could otherwise never go back to Redis. @throws StoreUnavailable
   */
  async isDisabledForAll(): Promise<boolean> {
    this.#wrotePastAt = performance.now()
    // No server has ever used Redis. When one begins to, the next poll sees it.
    if (this.#redis === null && this.#isUnused) return true
    // The polls renew it meanwhile.
    if (performance.now() < this.#suspendedUntil) return true
    const shared = await this.#read()
    return shared !== null && (shared.suspended !== 'never' || shared.runId === '')
  }

  get #writesPast(): boolean {
    return performance.now() < this.#wrotePastAt + WRITES_PAST_MS
  }

  async #writeDisabled(): Promise<void> {
    this.#invalidate()
    const began = performance.now()
    try {
      await query(this.#database.$executeRaw`
        UPDATE ${this.#database.tables.redisTrust} SET suspended_until = clock_timestamp() + ${DISABLED_FOR_MS} * interval '1 millisecond'`)
      this.#suspendedUntil = began + DISABLED_FOR_MS
    } finally {
      this.#invalidate()
    }
  }

  async #pollUntilStable(): Promise<void> {
    let losses: number
    do {
      losses = this.#losses
      await this.#pollOnce(losses)
    } while (losses !== this.#losses && !this.#stopped)
  }

  async #pollOnce(losses: number): Promise<void> {
    const doubts = this.#invalidations
    const [shared, runId] = await Promise.all([this.#read().catch(() => null), this.#probe()])
    if (losses !== this.#losses) return
    this.#isUnused = shared?.runId === ''
    const verdict = decideFence(shared, runId, this.#last, this.#writesPast)
    // What another server wrote past Redis breaks the belief as well as what we did.
    if (shared && verdict.kind !== 'trust') this.#last = null
    switch (verdict.kind) {
      case 'trust':
        return this.#enable(verdict.trust, doubts)
      case 'distrust':
        return this.#set(null)
      case 'suspend':
        return this.disable().catch(() => undefined)
      case 'begin_epoch':
        this.#set(null)
        if (shared && runId !== null) await this.#beginEpoch(shared.epoch, runId, losses).catch(() => undefined)
    }
  }

  async #probe(): Promise<string | null> {
    if (!this.#redis) return null
    try {
      const runId = await this.#redis.probe()
      this.#trouble = null
      return runId
    } catch (error) {
      this.#trouble = error
      return null
    }
  }

  async #read(): Promise<SharedFence | null> {
    const [row] = await query(this.#database.$queryRaw<Row[]>`
      SELECT epoch, run_id, CASE WHEN suspended_until IS NULL THEN 'never'
                                 WHEN suspended_until > clock_timestamp() THEN 'now' ELSE 'before' END AS suspended
      FROM ${this.#database.tables.redisTrust}`)
    return row ? { epoch: Number(row.epoch), runId: row.run_id, suspended: row.suspended } : null
  }

  /**
   * Of several servers that try, one does; the others see it at their next look. An epoch is never less than the clock, so
   * that a database which is restored from a backup does not count through numbers that copies in Redis already have.
   */
  async #beginEpoch(after: number, runId: string, losses: number): Promise<void> {
    await query(this.#database.$executeRaw`
      UPDATE ${this.#database.tables.redisTrust} SET run_id = ${runId}, suspended_until = NULL,
        epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
      WHERE epoch = ${after} AND (suspended_until IS NULL OR suspended_until <= clock_timestamp())`)
    const doubts = this.#invalidations
    const verdict = decideFence(await this.#read(), runId, null, false)
    if (verdict.kind === 'trust' && losses === this.#losses) this.#enable(verdict.trust, doubts)
  }

  /** @param doubts as many as there were before the row was read. */
  #enable(trust: RedisEpoch, doubts: number): void {
    if (doubts !== this.#invalidations) return
    this.#last = trust
    this.#set(trust)
  }

  #invalidate(): void {
    this.#invalidations++
    this.#last = null
    this.#set(null)
  }

  #set(trust: RedisEpoch | null): void {
    const changed = (trust === null) !== (this.#current === null)
    this.#current = trust
    this.#newestEpoch = Math.max(this.#newestEpoch, trust?.epoch ?? 0)
    if (changed) this.#onChange(trust !== null)
    if (trust !== null) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const giveUp of waiting) giveUp(new StoreUnavailable('Redis', new Error('it is not believed any more')))
  }
}
