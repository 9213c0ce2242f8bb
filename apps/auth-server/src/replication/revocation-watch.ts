import { RevokedIndexes, entryOf, lengthOf } from '../rules/status-list.ts'
import type { PostgresRevocations } from '../stores/postgres-revocations.ts'
import type { RedisRevocations } from '../stores/redis-revocations.ts'
import { type Found, LogFollower } from './log-follower.ts'

/** How soon a server sees a revocation that another one made. */
const POLL_EVERY_MS = 300
/** The time of a store that was read longer ago does not count. */
const CLOCK_GOOD_FOR_MS = 1_000
/** How soon a list that is over is known here. */
const READ_EXTENT_EVERY_MS = 60_000
/** A verifier accepts a token for 10 s longer than it lives, and the clocks of the stores may differ by the rest. */
const MARGIN_MS = 70_000

/** A statement in Postgres is committed a moment after it was run. */
const POSTGRES_OVERLAP_MS = 10_000
/** Redis lists at once; a command to it may take this long. */
const REDIS_OVERLAP_MS = 500

interface Stores {
  postgres: Pick<PostgresRevocations, 'forget' | 'lists' | 'read'>
  redis: Pick<RedisRevocations, 'read'> | null
}

/**
 * Knows the sessions that were revoked lately, whichever server did so and whichever store has it: an acknowledged revocation is
 * in Postgres, and in Redis too while its server reaches Redis. One of the two is enough to go on.
 */
export class RevocationWatch {
  readonly #revoked = new RevokedIndexes()
  readonly #postgres: Stores['postgres']
  readonly #ofPostgres: LogFollower
  readonly #ofRedis: LogFollower | null
  readonly #lifetimeSeconds: () => number
  readonly #redisUsedSince: () => number | null
  #onPoll: () => void = () => undefined
  #timer: NodeJS.Timeout | undefined
  /** How many indexes were given so far. */
  #given = 0
  /** The lists that have rows in Postgres. */
  #lists: ReadonlySet<number> = new Set()
  #extentReadAt = -Infinity
  #knownAt = -Infinity
  /** How far the time of each store is ahead of `performance.now()`, in milliseconds. */
  readonly #aheadMs = new Map<LogFollower, number>()

  /**
   * @param lifetimeSeconds the longest lifetime, at any server, of an access token that may still be valid.
   * @param redisUsedSince since when Redis has whatever is acknowledged, by `performance.now()`; null if it need not: what the
   * fence says.
   */
  constructor({ postgres, redis }: Stores, lifetimeSeconds: () => number, redisUsedSince: () => number | null) {
    this.#redisUsedSince = redisUsedSince
    this.#postgres = postgres
    this.#lifetimeSeconds = lifetimeSeconds
    const follow = (log: Stores['postgres'] | NonNullable<Stores['redis']>, overlapMs: number) => {
      const follower: LogFollower = new LogFollower(log, overlapMs, (found) => this.#take(found, follower))
      return follower
    }
    this.#ofPostgres = follow(postgres, POSTGRES_OVERLAP_MS)
    this.#ofRedis = redis && follow(redis, REDIS_OVERLAP_MS)
  }

  /** Polls now, and then regularly until `stop`. @throws StoreUnavailable or PostgresFault if Postgres does not answer. */
  async start(): Promise<void> {
    await this.poll()
    if (this.#ofPostgres.trouble !== null) throw this.#ofPostgres.trouble
    this.#timer = setInterval(() => void this.poll(), POLL_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** @param callback called after each poll of a store. */
  onPoll(callback: () => void): void {
    this.#onPoll = callback
  }

  /** Reads each store by itself, so that one that hangs does not hold up the other one. Never throws. */
  async poll(): Promise<void> {
    // First, as it says how far back the others read.
    if (performance.now() > this.#extentReadAt + READ_EXTENT_EVERY_MS) await this.#readExtent().catch(() => undefined)
    const logs = [this.#ofPostgres, this.#ofRedis].filter((log) => log !== null)
    await Promise.all(
      logs.map(async (log) => {
        await log.poll(this.#windowMs)
        this.#noteKnown()
        this.#onPoll()
      }),
    )
  }

  /**
   * Redis alone is enough from the first reading of Postgres on since Redis is used: what was revoked while it was away is only
   * in Postgres.
   */
  #noteKnown(): void {
    const ofPostgres = this.#ofPostgres.readAt
    const since = this.#redisUsedSince()
    const ofRedis = since !== null && ofPostgres >= since ? (this.#ofRedis?.readAt ?? -Infinity) : -Infinity
    this.#knownAt = Math.max(this.#knownAt, ofPostgres, ofRedis)
  }

  /** To be called when Redis may have lost something, or another one answers. */
  readAllOfRedis(): void {
    this.#ofRedis?.forget()
  }

  /** Whatever was acknowledged before then is known here, by `performance.now()`. */
  get knownAt(): number {
    return this.#knownAt
  }

  /** How many sessions count as revoked. */
  count(): number {
    this.#revoked.drop(performance.now() - this.#windowMs)
    return this.#revoked.count()
  }

  /**
   * In milliseconds since 1970. Services refuse a list that is of another time than theirs. Of three clocks it is the middle one, so
   * that one which is wrong does no harm.
   */
  now(): number {
    const now = performance.now()
    const stores = [...this.#aheadMs]
      .filter(([log]) => now < log.readAt + CLOCK_GOOD_FOR_MS)
      .map(([, aheadMs]) => now + aheadMs)
    if (stores.length < 2) return stores[0] ?? Date.now()
    return [...stores, Date.now()].toSorted((one, other) => one - other)[1] ?? Date.now()
  }

  /** How many bits a list has; 0 if there is no such list. */
  lengthOf(list: number): number {
    // All of its indexes were given: it is dropped when the rows of its sessions are.
    const isFull = lengthOf(list + 1, this.#given) > 0
    return isFull && !this.#lists.has(list) ? 0 : lengthOf(list, this.#given)
  }

  /** Grows with each session of the list that is revoked. */
  additionsTo(list: number): number {
    return this.#revoked.additionsTo(list)
  }

  /** The bits of a list, as long as it is. */
  bitsOf(list: number): Uint8Array {
    this.#revoked.drop(performance.now() - this.#windowMs)
    return this.#revoked.bitsOf(list, this.lengthOf(list))
  }

  /** How long a revocation is kept. */
  get #windowMs(): number {
    return this.#lifetimeSeconds() * 1_000 + MARGIN_MS
  }

  async #readExtent(): Promise<void> {
    this.#extentReadAt = performance.now()
    this.#lists = new Set(await this.#postgres.lists())
    // Last: a Postgres that is read-only does not take it.
    await this.#postgres.forget(this.#windowMs)
  }

  /** A list that is not the current one any more has sessions, until Postgres says otherwise. */
  #setGiven(given: number): void {
    const [before, after] = [entryOf(this.#given).list, entryOf(given).list]
    this.#given = given
    if (before === after) return
    this.#lists = new Set([...this.#lists, before])
    this.#extentReadAt = -Infinity
  }

  #take({ now, given = 0, entries }: Found, log: LogFollower): void {
    this.#aheadMs.set(log, now - performance.now())
    // A Postgres that is rolled back has fewer, but these were given all the same.
    if (given > this.#given) this.#setGiven(given)
    // An age is the difference of two times of one clock, and means the same here.
    for (const [statusIndexes, listedAt] of entries) {
      const at = performance.now() - (now - listedAt)
      for (const statusIndex of statusIndexes) this.#revoked.add(statusIndex, at)
    }
  }
}
