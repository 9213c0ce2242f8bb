import { type Family, type FamilyId, type FamilyState, merge } from '../rules/family.ts'
import type {
  FamilyRevocation,
  FamilyUpdate,
  LoginFacts,
  LoginStore,
  Opening,
  OpeningTerms,
  Origin,
} from '../stores/family-store.ts'
import type { RollbackDetector } from './rollback-detector.ts'
import type { WriteBehind } from './write-behind.ts'
import type { RedisFence } from './redis-fence.ts'
import type { RedisFamilyStore } from '../stores/redis-family-store.ts'
import { StoreUnavailable, isUnavailable } from '../connection/store-unavailable.ts'

interface Layers {
  /** Redis; null for a server without Redis. */
  cache: RedisFamilyStore | null
  /** Postgres. */
  durable: LoginStore
  writeBehind: WriteBehind
  fence: RedisFence
  rollback: RollbackDetector
}

/** The connection to Redis may be lost and made again between attempts. */
const MAX_ATTEMPTS = 3

/**
 * Redis is the cache, Postgres is durable. A login and a revocation wait for both. A refresh waits for Redis alone, and its
 * update is written to Postgres in batches. A family that Redis does not have is merged into it from Postgres. While the
 * fence is disabled, or if there is no Redis, Postgres does all, and the fence makes that visible to the other servers.
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

  async openFor(opening: Opening, terms: OpeningTerms): Promise<LoginFacts | null> {
    const { durable, fence } = this.#layers
    const { epoch } = fence
    const facts = await durable.openFor(opening, terms)
    if (facts?.family) await this.#opened(facts.family, epoch)
    return facts
  }

  async #opened(family: Family, epoch: number): Promise<void> {
    this.#layers.rollback.countLater()
    // This need not succeed: a family that Redis does not have is found in Postgres.
    await this.#redisElsePostgres(
      (cache) => cache.copyIn(family, epoch),
      async () => undefined,
    )
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    return this.#redisElsePostgres(
      (cache) => this.#askCache(cache, id, () => cache.load(id)),
      () => this.#loadDurable(id),
    )
  }

  async advance(update: FamilyUpdate): Promise<FamilyState | null> {
    return this.#redisElsePostgres(
      async (cache) => {
        const before = await this.#askCache(cache, update.id, () => cache.advance(update))
        if (before) this.#layers.writeBehind.add(update)
        return before
      },
      () => this.#advanceDurable(update),
    )
  }

  /**
   * Redis first, then Postgres as well: Redis may be lost before it is written there, and a server that has just lost sight of
   * Redis asks Postgres alone. If Postgres is away, no server can ask it alone.
   */
  async advanceOnce(update: FamilyUpdate): Promise<FamilyState | null> {
    const { durable, writeBehind } = this.#layers
    return this.#redisElsePostgres(
      async (cache) => {
        const before = await this.#askCache(cache, update.id, () => cache.advance(update))
        if (!before) return null
        try {
          const durableBefore = await durable.advance(update)
          return durableBefore && merge(before, durableBefore)
        } catch (error) {
          if (!isUnavailable(error, 'Postgres')) throw error
          writeBehind.add(update)
          return before
        }
      },
      () => this.#advanceDurable(update),
      // A second attempt would find what the first one left.
      1,
    )
  }

  async #advanceDurable(update: FamilyUpdate): Promise<FamilyState | null> {
    const before = await this.#layers.durable.advance(update)
    if (before) await this.#publishUpdate(update)
    return before
  }

  /**
   * Makes sure, after a commit that went past Redis, that no server goes on with a copy without it. If the others use
   * Redis again and this server has not seen that yet, the update goes to Redis too. Disabling the fence anew each time
   * would keep all servers from going back to Redis while there are refreshes.
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

  /** Writes the tombstones to Redis first, even while the fence is disabled: they hold even if Postgres then does not answer. */
  async revoke(updates: readonly FamilyRevocation[]): Promise<void> {
    const { durable, writeBehind, rollback } = this.#layers
    const isWritten = await this.#writeTombstones(updates)
    try {
      await durable.revoke(updates)
    } catch (error) {
      // It is not acknowledged, but it did happen in Redis, so Postgres gets it when it is back.
      if (isWritten) for (const update of updates) writeBehind.add(update)
      throw error
    }
    await Promise.all([rollback.count(), this.#publish(updates, isWritten)])
  }

  /** Makes sure, after the commit, that no server uses a copy without these tombstones. */
  async #publish(updates: readonly FamilyRevocation[], isWritten: boolean): Promise<void> {
    const { fence } = this.#layers
    if (!isWritten) return fence.ensureVisible(null)
    // If the others use Redis again and this server has not seen that yet, the fence need not be disabled anew.
    if (!fence.isEnabled) await fence.poll()
    const epoch = fence.isEnabled ? fence.epoch : null
    // Written again, because Redis may have lost the first tombstone and got a row from before the commit.
    await fence.ensureVisible((await this.#writeTombstones(updates)) ? epoch : null)
  }

  /** Returns whether Redis took the tombstones. */
  async #writeTombstones(updates: readonly FamilyRevocation[]): Promise<boolean> {
    const { cache } = this.#layers
    try {
      await cache?.revoke(updates)
      return cache !== null
    } catch (error) {
      if (!isUnavailable(error, 'Redis')) throw error
      return false
    }
  }

  /** Asks Redis. If it does not answer, polls the fence and asks again, and at last asks Postgres. */
  async #redisElsePostgres<T>(
    byRedis: (cache: RedisFamilyStore) => Promise<T>,
    byPostgres: () => Promise<T>,
    maxAttempts = MAX_ATTEMPTS,
  ): Promise<T> {
    const { cache, fence } = this.#layers
    if (!cache) return byPostgres()
    for (let attempt = 0; attempt < maxAttempts && fence.isEnabled; attempt++) {
      try {
        return await fence.whileEnabled(byRedis(cache))
      } catch (error) {
        if (!isUnavailable(error, 'Redis')) throw error
        await fence.poll()
      }
    }
    return byPostgres()
  }

  /** Asks Redis about a family. If Redis does not have it, merges it in from Postgres, and asks again. */
  async #askCache<T>(cache: RedisFamilyStore, id: FamilyId, ask: () => Promise<T | null>): Promise<T | null> {
    const { fence } = this.#layers
    const known = await ask()
    if (known !== null) return known
    const { epoch } = fence
    const found = await this.#loadDurable(id)
    if (!found) return null
    // This merges, so a tombstone that is already in Redis stays.
    await cache.copyIn(found.family, epoch)
    const copied = await ask()
    // Redis evicted it at once, or a new epoch began.
    if (copied === null) throw new StoreUnavailable('Redis', new Error('the family did not stay'))
    return copied
  }

  /** The row in Postgres, with the updates of it that wait here to be written. */
  async #loadDurable(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const { durable, writeBehind, rollback } = this.#layers
    const waiting = writeBehind.pending(id)
    const found = await durable.load(id)
    // A Postgres that is rolled back has an older row.
    rollback.assertIntact()
    return found && waiting ? { ...found, family: { ...found.family, ...merge(found.family, waiting) } } : found
  }
}
