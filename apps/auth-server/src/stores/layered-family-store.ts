import { type Family, type FamilyId, type Marks, merge } from '../rules/family.ts'
import type { FamilyStore, Growth, Origin } from './family-store.ts'
import type { MarkWriter } from './mark-writer.ts'
import type { RedisTrust } from './redis-trust.ts'
import { isUnavailable } from './store-unavailable.ts'

interface Layers {
  /** Redis. */
  hot: FamilyStore
  /** Postgres. */
  record: FamilyStore
  marks: MarkWriter
  trust: RedisTrust
}

/**
 * Redis decides, Postgres remembers: a login and a revocation wait for both, a refresh for Redis alone, and its marks
 * follow into Postgres in batches. A family that Redis does not have is merged into it from Postgres. While Redis is not
 * trusted, Postgres decides too.
 */
export class LayeredFamilyStore implements FamilyStore {
  readonly #layers: Layers

  constructor(layers: Layers) {
    this.#layers = layers
  }

  async open(family: Family, origin: Origin): Promise<void> {
    const { hot, record } = this.#layers
    await record.open(family, origin)
    // A family that Redis does not have is found in Postgres, so this one need not succeed.
    await this.#decide(
      () => hot.open(family, origin),
      async () => undefined,
    )
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const { hot } = this.#layers
    return this.#decide(
      async () => (await hot.load(id)) ?? ((await this.#recall(id)) ? hot.load(id) : null),
      () => this.#loadRecord(id),
    )
  }

  async advance(growth: Growth): Promise<Marks | null> {
    const { hot, record, marks } = this.#layers
    return this.#decide(
      async () => {
        let before = await hot.advance(growth)
        if (!before && (await this.#recall(growth.id))) before = await hot.advance(growth)
        if (before) marks.add(growth)
        return before
      },
      () => record.advance(growth),
    )
  }

  /** The tombstones go to Redis at once, trusted or not: they hold even if Postgres then does not answer. */
  async revoke(growths: readonly Growth[]): Promise<void> {
    const { hot, record, trust } = this.#layers
    const told = await hot.revoke(growths).then(
      () => true,
      (error: unknown) => {
        if (isUnavailable(error, 'Redis')) return false
        throw error
      },
    )
    await record.revoke(growths)
    if (!told) await trust.suspend()
  }

  /** Asks Redis, looks whether it still lives where it does not answer, asks once more, and then asks Postgres. */
  async #decide<T>(byRedis: () => Promise<T>, byPostgres: () => Promise<T>): Promise<T> {
    const { trust } = this.#layers
    for (let attempt = 0; attempt < 2 && trust.isTrusted; attempt++) {
      try {
        return await byRedis()
      } catch (error) {
        if (!isUnavailable(error, 'Redis')) throw error
        await trust.look()
      }
    }
    return byPostgres()
  }

  /** Merges what Postgres knows into Redis, so that a tombstone which is there already stands. */
  async #recall(id: FamilyId): Promise<boolean> {
    const remembered = await this.#loadRecord(id)
    if (remembered) await this.#layers.hot.open(remembered.family, NO_ORIGIN)
    return remembered !== null
  }

  /** Postgres' row, with the marks that wait here to be written to it. */
  async #loadRecord(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const { record, marks } = this.#layers
    const waiting = marks.of(id)
    const found = await record.load(id)
    return found && waiting ? { ...found, family: { ...found.family, ...merge(found.family, waiting) } } : found
  }
}

/** Redis keeps none. */
const NO_ORIGIN: Origin = { device: null, ip: null }
