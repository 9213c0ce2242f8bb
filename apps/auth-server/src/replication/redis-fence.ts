import { type RedisEpoch, decideFence } from '../rules/decide-fence.ts'
import { StoreUnavailable } from '../connection/store-unavailable.ts'
import type { Database } from '../postgres/database.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import { FenceRow } from './fence-row.ts'

/** How soon a server sees that another one wrote without Redis. */
const POLL_EVERY_MS = 250
/** How long the fence stays disabled after a server worked without Redis. Each poll of that server renews it while it writes. */
const DISABLED_FOR_MS = 1_000
/** A server that wrote without Redis counts as one that still does for this long, so that the fence does not flap. */
const WRITES_PAST_MS = 5_000
/**
 * Two servers that use two Redis end each other's epochs at every poll, four times a second. During a failover, servers that
 * see it at different moments may do so once or twice.
 */
const CONTESTED_FOR_MS = 5_000
const CONTESTED_FROM = 4

/**
 * Keeps servers from using a Redis that missed something: one that was away, hung, restarted from an old snapshot, replaced
 * by a replica, or cut off from one server alone. The rule is `decideFence`. The README has the states and the invariants.
 */
export class RedisFence {
  readonly #row: FenceRow
  readonly #redis: RedisAccess | null
  readonly #onChange: (isEnabled: boolean) => void
  /** The epoch and the process of the Redis that is in use, or null. */
  #current: RedisEpoch | null = null
  #newestEpoch = 0
  #enabledSince: number | null = null
  /** The Redis that was in use without interruption. Disabling the fence interrupts it. */
  #last: RedisEpoch | null = null
  #polling: Promise<void> | null = null
  #disabling: Promise<void> | null = null
  #disableNext: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** How often the connection was lost. What a poll saw before the last loss says nothing about the Redis after it. */
  #losses = 0
  /** How often the fence was invalidated other than by a poll. A poll that began before may have read an older row. */
  #invalidations = 0
  /** When this server last wrote an update without Redis. */
  #wrotePastAt = -Infinity
  /** This server disabled the fence until then, at least. */
  #disabledUntil = -Infinity
  /** At the last poll, no epoch had ever begun. */
  #isUnused = false
  #trouble: unknown = null
  /** When the epoch of the Redis that this server reaches was last ended for another Redis, and how often in a row. */
  #contestedAt = -Infinity
  #contests = 0
  /** What waits for an answer of the Redis that is in use. */
  readonly #waiting = new Set<(error: StoreUnavailable) => void>()

  /**
   * @param redis null for a server without Redis. It makes what it writes visible to the servers that use Redis.
   * @param onChange called when this server starts or stops using Redis.
   */
  constructor(database: Database, redis: RedisAccess | null, onChange: (isEnabled: boolean) => void) {
    this.#row = new FenceRow(database)
    this.#redis = redis
    this.#onChange = onChange
  }

  /** Whether this server uses Redis; otherwise it works through Postgres. */
  get isEnabled(): boolean {
    return this.#current !== null
  }

  /** Since when this server has used Redis without interruption, by `performance.now()`; null if it does not. */
  get enabledSince(): number | null {
    return this.#enabledSince
  }

  /** Why Redis took no write at the last poll; null if it did, or if there is no Redis. */
  get trouble(): unknown {
    return this.#trouble
  }

  /** Whether another server uses another Redis, so that the two end each other's epochs in turns. */
  get isContested(): boolean {
    return this.#contests >= CONTESTED_FROM && performance.now() < this.#contestedAt + CONTESTED_FOR_MS
  }

  /** A copy in Redis counts only if it is of this epoch or a later one. */
  get epoch(): number {
    return this.#newestEpoch
  }

  /**
   * What Redis answers, unless the fence is disabled first. If Redis hangs, the first request or poll to time out ends the
   * waiting of all others. @throws StoreUnavailable
   */
  whileEnabled<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      const stopWaiting = () => this.#waiting.delete(reject)
      answer.then(
        (value) => stopWaiting() && resolve(value),
        (error: unknown) => stopWaiting() && reject(error),
      )
    })
  }

  /** Polls now, and then regularly until `stop`. */
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

  /** Call this before closing the stores: a connection that is closed on purpose must not disable the fence. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#polling
  }

  /** Reads both stores and decides anew; concurrent callers share one poll. Never throws. */
  poll(): Promise<void> {
    this.#polling ??= this.#pollUntilStable().finally(() => (this.#polling = null))
    return this.#polling
  }

  /**
   * Announces that Postgres has something that Redis lacks. When it returns, every server that polls works through Postgres,
   * until a new epoch begins. @throws StoreUnavailable if Postgres does not answer
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
   * Makes sure, after a commit to Postgres, that no server uses a copy in Redis that lacks it. Either the copy that was
   * written to Redis in `epoch` still counts, or the fence is disabled.
   * @param epoch as it was before the write to Redis, or null if that failed. @throws StoreUnavailable
   */
  async ensureVisible(epoch: number | null): Promise<void> {
    const shared = await this.#row.read()
    // No server may use Redis, and the next epoch begins after the commit. Disabling the fence anew each time would keep that
    // epoch from ever beginning while users log out.
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
    if (performance.now() < this.#disabledUntil) return true
    const shared = await this.#row.read()
    return shared !== null && (shared.suspended !== 'never' || shared.runId === '')
  }

  get #writesPast(): boolean {
    return performance.now() < this.#wrotePastAt + WRITES_PAST_MS
  }

  async #writeDisabled(): Promise<void> {
    this.#invalidate()
    const began = performance.now()
    try {
      await this.#row.disable(DISABLED_FOR_MS)
      this.#disabledUntil = began + DISABLED_FOR_MS
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
    const invalidations = this.#invalidations
    const [shared, runId] = await Promise.all([this.#row.read().catch(() => null), this.#probe()])
    if (losses !== this.#losses) return
    this.#isUnused = shared?.runId === ''
    if (shared && runId !== null && this.#last?.runId === runId && shared.runId !== runId) this.#contest()
    const verdict = decideFence(shared, runId, this.#last, this.#writesPast)
    // What another server wrote without Redis interrupts its use, too.
    if (shared && verdict.kind !== 'enable') this.#last = null
    switch (verdict.kind) {
      case 'enable':
        return this.#enable(verdict.redis, invalidations)
      case 'disable':
        return this.#set(null)
      case 'disable_for_all':
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

  /** Of several servers that try, one begins the epoch; the others see it at their next poll. */
  async #beginEpoch(after: number, runId: string, losses: number): Promise<void> {
    await this.#row.beginEpoch(after, runId)
    const invalidations = this.#invalidations
    const verdict = decideFence(await this.#row.read(), runId, null, false)
    if (verdict.kind === 'enable' && losses === this.#losses) this.#enable(verdict.redis, invalidations)
  }

  /** @param invalidations as many as there were before the row was read. */
  #enable(redis: RedisEpoch, invalidations: number): void {
    if (invalidations !== this.#invalidations) return
    this.#last = redis
    this.#set(redis)
  }

  #contest(): void {
    const now = performance.now()
    this.#contests = now < this.#contestedAt + CONTESTED_FOR_MS ? this.#contests + 1 : 1
    this.#contestedAt = now
  }

  #invalidate(): void {
    this.#invalidations++
    this.#last = null
    this.#set(null)
  }

  #set(redis: RedisEpoch | null): void {
    const changed = (redis === null) !== (this.#current === null)
    if (changed) this.#enabledSince = redis && performance.now()
    this.#current = redis
    this.#newestEpoch = Math.max(this.#newestEpoch, redis?.epoch ?? 0)
    if (changed) this.#onChange(redis !== null)
    if (redis !== null) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const giveUp of waiting) giveUp(new StoreUnavailable('Redis', new Error('the fence was disabled')))
  }
}
