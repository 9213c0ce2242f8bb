import { type Family, type FamilyId, type Marks, merge } from '../rules/family.ts'
import type { Growth, LoginStore, Origin } from './family-store.ts'
import type { History } from './history.ts'
import type { MarkWriter } from './mark-writer.ts'
import type { RedisTrust } from './redis-trust.ts'
import type { RedisFamilyStore } from './redis-family-store.ts'
import { StoreUnavailable, isUnavailable } from './store-unavailable.ts'

interface Layers {
  /** Redis; null for a server that works without. */
  hot: RedisFamilyStore | null
  /** Postgres. */
  record: LoginStore
  marks: MarkWriter
  trust: RedisTrust
  history: History
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
    const { record, trust } = this.#layers
    const { epoch } = trust
    await record.open(family, origin)
    await this.#opened(family, epoch)
  }

  async openFor(...[userId, limits, origin, judge]: Parameters<LoginStore['openFor']>): Promise<void> {
    const { record, trust } = this.#layers
    const { epoch } = trust
    let family: Family | null = null as Family | null
    await record.openFor(userId, limits, origin, (facts) => (family = judge(facts)))
    if (family) await this.#opened(family, epoch)
  }

  async #opened(family: Family, epoch: number): Promise<void> {
    this.#layers.history.note()
    // A family that Redis does not have is found in Postgres, so this one need not succeed.
    await this.#decide(
      (hot) => hot.restore(family, epoch),
      async () => undefined,
    )
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    return this.#decide(
      (hot) => this.#askHot(hot, id, () => hot.load(id)),
      () => this.#loadRecord(id),
    )
  }

  async advance(growth: Growth): Promise<Marks | null> {
    const { record, marks, trust } = this.#layers
    return this.#decide(
      async (hot) => {
        const before = await this.#askHot(hot, growth.id, () => hot.advance(growth))
        if (before) marks.add(growth)
        return before
      },
      async () => {
        const before = await record.advance(growth)
        await trust.coverMark()
        return before
      },
    )
  }

  /** The tombstones go to Redis at once, trusted or not: they hold even if Postgres then does not answer. */
  async revoke(growths: readonly Growth[]): Promise<void> {
    const { record, marks, history } = this.#layers
    const told = await this.#tellHot(growths)
    try {
      await record.revoke(growths)
    } catch (error) {
      // Not acknowledged, but it did happen in Redis: it follows when Postgres is back.
      if (told) for (const growth of growths) marks.add(growth)
      throw error
    }
    await Promise.all([history.cover(), this.#spread(growths, told)])
  }

  /** Makes sure, after the commit, that no server goes on with a copy without these tombstones. */
  async #spread(growths: readonly Growth[], told: boolean): Promise<void> {
    const { trust } = this.#layers
    if (!told) return trust.cover(null)
    // Where the others believe Redis again and this server has not seen it yet, it need not be suspended anew.
    if (!trust.isTrusted) await trust.look()
    const epoch = trust.isTrusted ? trust.epoch : null
    // Again: a Redis that lost the first tombstone may since have been given a row from before the commit.
    await trust.cover((await this.#tellHot(growths)) ? epoch : null)
  }

  /** Whether Redis has the tombstones. */
  async #tellHot(growths: readonly Growth[]): Promise<boolean> {
    const { hot } = this.#layers
    try {
      await hot?.revoke(growths)
      return hot !== null
    } catch (error) {
      if (!isUnavailable(error, 'Redis')) throw error
      return false
    }
  }

  /** Asks Redis, looks whether it still lives where it does not answer, asks again, and then asks Postgres. */
  async #decide<T>(byRedis: (hot: RedisFamilyStore) => Promise<T>, byPostgres: () => Promise<T>): Promise<T> {
    const { hot, trust } = this.#layers
    if (!hot) return byPostgres()
    for (let attempt = 0; attempt < MOST_ATTEMPTS && trust.isTrusted; attempt++) {
      try {
        return await trust.whileTrusted(byRedis(hot))
      } catch (error) {
        if (!isUnavailable(error, 'Redis')) throw error
        await trust.look()
      }
    }
    return byPostgres()
  }

  /** Asks Redis about a family; one that it does not have is merged in from Postgres, and asked about again. */
  async #askHot<T>(hot: RedisFamilyStore, id: FamilyId, askFor: () => Promise<T | null>): Promise<T | null> {
    const { trust } = this.#layers
    const known = await askFor()
    if (known !== null) return known
    const { epoch } = trust
    const remembered = await this.#loadRecord(id)
    if (!remembered) return null
    // A tombstone that is in Redis already stands.
    await hot.restore(remembered.family, epoch)
    const restored = await askFor()
    // Evicted at once, or a new epoch began: Redis cannot say.
    if (restored === null) throw new StoreUnavailable('Redis', new Error('the family did not stay'))
    return restored
  }

  /** Postgres' row, with the marks that wait here to be written to it. */
  async #loadRecord(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const { record, marks, history } = this.#layers
    const waiting = marks.of(id)
    const found = await record.load(id)
    // An older row is not to be mistaken for the newest one.
    history.assertIntact()
    return found && waiting ? { ...found, family: { ...found.family, ...merge(found.family, waiting) } } : found
  }
}
