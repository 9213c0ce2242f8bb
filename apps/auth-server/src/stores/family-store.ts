import type { Family, FamilyId, FamilyState, Grant, Revocable, Revocation } from '../rules/family.ts'
import type { Account } from './accounts.ts'
import type { OpenedField } from './grant-fields.ts'

/** Where a login came from; shown to the user in the list of sessions. */
export interface Origin {
  device: string | null
  ip: string | null
}

/** An update of one family. A store that does not know the family keeps its revocation until `expiresAt`. */
export interface FamilyUpdate {
  id: FamilyId
  expiresAt: number
  state: FamilyState
}

/** A revocation of one family. It has the index of the family, so that a session that ends is also listed. */
export interface FamilyRevocation extends FamilyUpdate {
  statusIndex: number
}

/** Groups revocations by time and reason: most of the time there is one group. */
export function byRevocation(
  updates: readonly FamilyRevocation[],
): { revoked: Revocation; families: FamilyRevocation[] }[] {
  const groups = new Map<string, { revoked: Revocation; families: FamilyRevocation[] }>()
  for (const update of updates) {
    const { revoked } = update.state
    if (!revoked) continue
    const key = `${revoked.at} ${revoked.reason}`
    const group = groups.get(key) ?? { revoked, families: [] }
    group.families.push(update)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/**
 * Keeps families. An implementation merges; it does not decide: rules/ decides about lifetimes, grace and reuse.
 *
 * Every method throws `StoreUnavailable` if the store gave no answer. The change may then have happened or not. It is safe
 * to call again, since merging twice is merging once.
 */
export interface FamilyStore {
  /** Stores a family, or merges it into the copy that is there. When it returns, the family is as durable as the store. */
  open(family: Family, origin: Origin): Promise<void>

  /** The family and the store's own time in milliseconds, or null if the family is not known. */
  load(id: FamilyId): Promise<{ family: Family; now: number } | null>

  /**
   * Merges an update into a family and returns its state *before* that. If the family is not known, changes nothing and
   * returns null. Atomic: of N concurrent calls, each sees the updates of those before it.
   */
  advance(update: FamilyUpdate): Promise<FamilyState | null>

  /**
   * Merges revocations, and nothing else of the state. When it returns, no later `load` through any server returns one of
   * these families as live, and its index is among the revoked ones. A family that is not known here is remembered as revoked.
   */
  revoke(updates: readonly FamilyRevocation[]): Promise<void>
}

/** The session that a login asks for. */
export interface Opening {
  /** The store gives it the rest: when it is opened and ends, and an index that no other session ever gets. */
  grant: Omit<Grant, OpenedField>
  lifetimeMs: number
  origin: Origin
}

/** What must hold when a session is opened, since a user is authenticated a while before. */
export interface OpeningTerms {
  /** The version of the account that was authenticated. It must not be disabled either. */
  version: number
  /** By the store's clock, in milliseconds. */
  notBefore: number
  /** The session before the user's last `logins - 1` must have been opened this long ago. */
  logins: number
  windowMs: number
  /** How many sessions a user may have. More are the surplus. */
  sessions: number
}

/** The facts that decided about a login. They were read under a lock on the account, so that two logins of a user never see the same. */
export interface LoginFacts {
  /** Null if the terms were not met. */
  family: Family | null
  account: Account
  /** The store's own time in milliseconds. */
  now: number
  /** When the session before the last `logins - 1` was opened, in milliseconds; null if there are fewer. */
  earlierLoginAt: number | null
  /**
   * Sessions that are not revoked, without the `sessions - 1` that were used last. At most `MAX_SURPLUS`. A code that nobody
   * has redeemed is not among them, and pushes none out.
   */
  surplus: Revocable[]
}

/** A login ends at most this many sessions, even of a user who had far more before there was a limit. */
export const MAX_SURPLUS = 500

/**
 * A login deletes what a user has of revoked sessions beyond the newest ones, so that no user has rows without bound. Lists and
 * logins read all of them, since an index of the others would make every revocation several times as expensive.
 */
export const MAX_REVOKED_KEPT = 1_000
/** A login deletes at most this many. */
export const MAX_DELETED = 2_000

/** A family store that has the accounts too. */
export interface LoginStore extends FamilyStore {
  /**
   * Opens a session if the terms are met, in one transaction and one trip. A change of the account is committed either before
   * it, and is seen, or after it, and finds the family. Null if there is no such account.
   */
  openFor(opening: Opening, terms: OpeningTerms): Promise<LoginFacts | null>

  /**
   * Does what `advance` does, for a generation that may be redeemed only once. The answer is what any store knew before, and
   * when it returns, the update is in each store that answers. So no later call sees less, whichever store it asks.
   */
  advanceOnce(update: FamilyUpdate): Promise<FamilyState | null>
}
