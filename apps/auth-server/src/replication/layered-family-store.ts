import { type Family, type FamilyId, type FamilyState, merge } from '../rules/family.ts'
import type { FamilyUpdate, LoginStore, Origin } from '../stores/family-store.ts'
import type { RollbackDetector } from './rollback-detector.ts'
import type { WriteBehind } from './write-behind.ts'
import type { RedisFence } from './redis-fence.ts'
import type { RedisFamilyStore } from '../stores/redis-family-store.ts'
import { StoreUnavailable, isUnavailable } from '../stores/store-unavailable.ts'

interface Layers {
  /** Redis; null for a server that works without. */
  cache: RedisFamilyStore | null
  /** Postgres. */
  durable: LoginStore
  writeBehind: WriteBehind
  fence: RedisFence
  rollback: RollbackDetector
}

/** A Redis that is lost and believed again by turns. */
const MOST_ATTEMPTS = 3

/**
 * Redis decides, Postgres remembers: a login and a revocation wait for both, a refresh for Redis alone, and its marks
 * follow into Postgres in batches. A family that Redis does not have is merged into it from Postgres. While Redis is not
 * trusted, or where there is none, Postgres decides too, and the servers that trust it are told.
 */
export class LayeredFamilyStore implements LoginStore {
  readonly #layers: Layers

  constructor(layers: Layers) {
    this.#layers = layers
  }

  async open(family: Family, origin: Origin): Promise<void> {
    const { durable, fence } = this.#layers
    const { epoch } = fence
    await durable.open(family, origin)
    await this.#opened(family, epoch)
  }

  async openFor(...[userId, limits, origin, judge]: Parameters<LoginStore['openFor']>): Promise<void> {
    const { durable, fence } = this.#layers
    const { epoch } = fence
    let family: Family | null = null as Family | null
    await durable.openFor(userId, limits, origin, (facts) => (family = judge(facts)))
    if (family) await this.#opened(family, epoch)
  }

  async #opened(family: Family, epoch: number): Promise<void> {
    this.#layers.rollback.countLater()
    // A family that Redis does not have is found in Postgres, so this one need not succeed.
    await this.#redisElsePostgres(
      (hot) => hot.copyIn(family, epoch),
      async () => undefined,
    )
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    return this.#redisElsePostgres(
      (hot) => this.#askCache(hot, id, () => hot.load(id)),
      () => this.#loadDurable(id),
    )
  }

  async advance(growth: FamilyUpdate): Promise<FamilyState | null> {
    const { durable, writeBehind } = this.#layers
    return this.#redisElsePostgres(
      async (hot) => {
        const before = await this.#askCache(hot, growth.id, () => hot.advance(growth))
        if (before) writeBehind.add(growth)
        return before
      },
      async () => {
        const before = await durable.advance(growth)
        if (before) await this.#publishUpdate(growth)
        return before
      },
    )
  }

  /**
   * Makes sure, after a commit that went past Redis, that no server goes on with a copy without it. Where the others use
   * Redis again and this server has not seen it yet, the update goes to Redis too. To disable Redis anew each time would
   * never let all servers go back to it while there are refreshes.
   */
  async #publishUpdate(update: FamilyUpdate): Promise<void> {
    const { cache, fence } = this.#layers
    if (await fence.isDisabledForAll()) return
    if (cache) await fence.poll()
    const epoch = fence.isEnabled ? fence.epoch : null
    await fence.ensureVisible(cache && epoch !== null && (await this.#copyUpdate(cache, update)) ? epoch : null)
  }

  /** Whether Redis has a copy with this update. One that it lacks is copied from Postgres, which has the update. */
  async #copyUpdate(cache: RedisFamilyStore, update: FamilyUpdate): Promise<boolean> {
    try {
      return (await this.#askCache(cache, update.id, () => cache.advance(update))) !== null
    } catch (error) {
      if (!isUnavailable(error, 'Redis')) throw error
      return false
    }
  }

  /** The tombstones go to Redis at once, trusted or not: they hold even if Postgres then does not answer. */
  async revoke(growths: readonly FamilyUpdate[]): Promise<void> {
    const { durable, writeBehind, rollback } = this.#layers
    const told = await this.#writeTombstones(growths)
    try {
      await durable.revoke(growths)
    } catch (error) {
      // Not acknowledged, but it did happen in Redis: it follows when Postgres is back.
      if (told) for (const growth of growths) writeBehind.add(growth)
      throw error
    }
    await Promise.all([rollback.count(), this.#publish(growths, told)])
  }

  /** Makes sure, after the commit, that no server goes on with a copy without these tombstones. */
  async #publish(growths: readonly FamilyUpdate[], told: boolean): Promise<void> {
    const { fence } = this.#layers
    if (!told) return fence.ensureVisible(null)
    // Where the others believe Redis again and this server has not seen it yet, it need not be suspended anew.
    if (!fence.isEnabled) await fence.poll()
    const epoch = fence.isEnabled ? fence.epoch : null
    // Again: a Redis that lost the first tombstone may since have been given a row from before the commit.
    await fence.ensureVisible((await this.#writeTombstones(growths)) ? epoch : null)
  }

  /** Whether Redis has the tombstones. */
  async #writeTombstones(growths: readonly FamilyUpdate[]): Promise<boolean> {
    const { cache } = this.#layers
    try {
      await cache?.revoke(growths)
      return cache !== null
    } catch (error) {
      if (!isUnavailable(error, 'Redis')) throw error
      return false
    }
  }

  /** Asks Redis, looks whether it still lives where it does not answer, asks again, and then asks Postgres. */
  async #redisElsePostgres<T>(
    byRedis: (hot: RedisFamilyStore) => Promise<T>,
    byPostgres: () => Promise<T>,
  ): Promise<T> {
    const { cache, fence } = this.#layers
    if (!cache) return byPostgres()
    for (let attempt = 0; attempt < MOST_ATTEMPTS && fence.isEnabled; attempt++) {
      try {
        return await fence.whileEnabled(byRedis(cache))
      } catch (error) {
        if (!isUnavailable(error, 'Redis')) throw error
        await fence.poll()
      }
    }
    return byPostgres()
  }

  /** Asks Redis about a family; one that it does not have is merged in from Postgres, and asked about again. */
  async #askCache<T>(hot: RedisFamilyStore, id: FamilyId, askFor: () => Promise<T | null>): Promise<T | null> {
    const { fence } = this.#layers
    const known = await askFor()
    if (known !== null) return known
    const { epoch } = fence
    const remembered = await this.#loadDurable(id)
    if (!remembered) return null
    // A tombstone that is in Redis already stands.
    await hot.copyIn(remembered.family, epoch)
    const restored = await askFor()
    // Evicted at once, or a new epoch began: Redis cannot say.
    if (restored === null) throw new StoreUnavailable('Redis', new Error('the family did not stay'))
    return restored
  }

  /** Postgres' row, with the marks that wait here to be written to it. */
  async #loadDurable(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const { durable, writeBehind, rollback } = this.#layers
    const waiting = writeBehind.pending(id)
    const found = await durable.load(id)
    // An older row is not to be mistaken for the newest one.
    rollback.assertIntact()
    return found && waiting ? { ...found, family: { ...found.family, ...merge(found.family, waiting) } } : found
  }
}
