import type { Family, FamilyId, Marks } from '../rules/family.ts'
import type { FamilyStore, Growth, Origin } from './family-store.ts'
import type { MarkWriter } from './mark-writer.ts'

/**
 * Redis decides, Postgres remembers: a login and a revocation wait for both, a refresh for Redis alone, and its marks
 * follow into Postgres in batches. A family that Redis does not have is merged into it from Postgres.
 */
export class LayeredFamilyStore implements FamilyStore {
  readonly #hot: FamilyStore
  readonly #record: FamilyStore
  readonly #marks: MarkWriter

  constructor(hot: FamilyStore, record: FamilyStore, marks: MarkWriter) {
    this.#hot = hot
    this.#record = record
    this.#marks = marks
  }

  async open(family: Family, origin: Origin): Promise<void> {
    await this.#record.open(family, origin)
    await this.#hot.open(family, origin)
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    return (await this.#hot.load(id)) ?? ((await this.#recall(id)) ? this.#hot.load(id) : null)
  }

  async advance(growth: Growth): Promise<Marks | null> {
    let before = await this.#hot.advance(growth)
    if (!before && (await this.#recall(growth.id))) before = await this.#hot.advance(growth)
    if (before) this.#marks.add(growth)
    return before
  }

  async revoke(growths: readonly Growth[]): Promise<void> {
    await this.#hot.revoke(growths)
    await this.#record.revoke(growths)
  }

  /** Merges what Postgres knows into Redis, so that a tombstone which is there already stands. */
  async #recall(id: FamilyId): Promise<boolean> {
    const remembered = await this.#record.load(id)
    if (!remembered) return false
    await this.#hot.open(remembered.family, NO_ORIGIN)
    return true
  }
}

/** Redis keeps none. */
const NO_ORIGIN: Origin = { device: null, ip: null }
