import type { Family, FamilyId, Marks } from '../rules/family.ts'

/** Where a login came from; shown to the user in the list of sessions. */
export interface Origin {
  device: string | null
  ip: string | null
}

/** A growth of one family. `expiresAt` lets a store that does not know the family remember a revocation for long enough. */
export interface Growth {
  id: FamilyId
  expiresAt: number
  marks: Marks
}

/**
 * Keeps families. An implementation merges, it does not judge: no lifetime, no grace and no reuse is known to it.
 *
 * Every method throws `StoreUnavailable` where the store gave no answer. What was asked may then have happened or not;
 * asking again is safe, since merging twice is merging once.
 */
export interface FamilyStore {
  /** Makes a family known, or merges it into the copy that is there. Durable, as far as the store is, when it returns. */
  open(family: Family, origin: Origin): Promise<void>

  /** The family and the store's own time in milliseconds, or null where it is not known. */
  load(id: FamilyId): Promise<{ family: Family; now: number } | null>

  /**
   * Merges marks into a family and answers its marks *before* that, or null, changing nothing, where it is not known.
   * Atomic: of N concurrent calls, each sees the growth of those before it.
   */
  advance(growth: Growth): Promise<Marks | null>

  /**
   * Merges revocations. When it returns, no later `load` through any server answers one of these families as live; a
   * family that is not known here is remembered as revoked.
   */
  revoke(growths: readonly Growth[]): Promise<void>
}
