import type { Family, FamilyId, FamilyState, Revocable, Revocation } from '../rules/family.ts'
import type { Account } from './accounts.ts'

/** Where a login came from; shown to the user in the list of sessions. */
export interface Origin {
  device: string | null
  ip: string | null
}

/** A growth of one family. `expiresAt` lets a store that does not know the family remember a revocation for long enough. */
export interface FamilyUpdate {
  id: FamilyId
  expiresAt: number
  state: FamilyState
}

/** Revocations by what they have in common, which mostly is one time and one reason. */
export function byRevocation(growths: readonly FamilyUpdate[]): { revoked: Revocation; families: FamilyUpdate[] }[] {
  const groups = new Map<string, { revoked: Revocation; families: FamilyUpdate[] }>()
  for (const growth of growths) {
    const { revoked } = growth.state
    if (!revoked) continue
    const key = `${revoked.at} ${revoked.reason}`
    const group = groups.get(key) ?? { revoked, families: [] }
    group.families.push(growth)
    groups.set(key, group)
  }
  return [...groups.values()]
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
  advance(growth: FamilyUpdate): Promise<FamilyState | null>

  /**
   * Merges revocations; of the marks nothing else. When it returns, no later `load` through any server answers one of
   * these families as live; a family that is not known here is remembered as revoked.
   */
  revoke(growths: readonly FamilyUpdate[]): Promise<void>
}

/** What a login goes by. It is read under a lock on the account, so no two logins of a user see the same. */
export interface LoginFacts {
  account: Account
  /** The store's own time in milliseconds. */
  now: number
  /** When the session before the last `logins - 1` was opened, in milliseconds; null where there are fewer. */
  earlierLoginAt: number | null
  /** Sessions that are not revoked, without the `sessions - 1` that were used last. At most `MOST_SURPLUS`. */
  surplus: Revocable[]
}

/** Of a user who had far more sessions before there was a limit, a login ends no more than these. */
export const MOST_SURPLUS = 500

/** A family store with the accounts. */
export interface LoginStore extends FamilyStore {
  /**
   * Opens the family that `judge` answers by the facts, or none where it answers null, in one transaction: a change of the
   * account is committed before it, and seen, or after it, and finds the family. `judge` is called once, or never where
   * there is no such account.
   */
  openFor(
    userId: string,
    limits: { sessions: number; logins: number },
    origin: Origin,
    judge: (facts: LoginFacts) => Family | null,
  ): Promise<void>
}
