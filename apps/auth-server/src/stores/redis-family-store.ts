import {
  type Family,
  type FamilyId,
  type FamilyState,
  EMPTY_STATE,
  type RevocationReason,
  keptUntil,
} from '../rules/family.ts'
import { type FamilyRevocation, type FamilyStore, type FamilyUpdate, byRevocation } from './family-store.ts'
import { REDIS_GRANT_FIELDS, grantFromRedis, grantToRedis } from './grant-fields.ts'
import { RedisRevocations } from './redis-revocations.ts'
import { readLua } from '../redis/read-lua.ts'
import type { RedisAccess, RunOnEach } from '../redis/redis-access.ts'

/** One hash per family. Its fields are short, so that Redis packs them. */
export const familyKey = (id: FamilyId) => `heirloom:family:{${id}}`

const STATE_FIELDS = ['redeemed', 'redeemedAt', 'late', 'revokedAt', 'revokedFor'] as const

const lua = (file: string) => new URL(`./lua/${file}`, import.meta.url)
const LOAD = readLua(lua('load-family.lua'), { GRANT_FIELDS: REDIS_GRANT_FIELDS, STATE_FIELDS })
const MERGE = readLua(lua('merge-family.lua'), { STATE_FIELDS })
const REVOKE = readLua(lua('revoke-families.lua'), { NEVER: EMPTY_STATE.redeemedAt })

type Field = string | null

/** The cache: one hash per family, which expires with it. A copy from before the current epoch counts as not known. */
export class RedisFamilyStore implements FamilyStore {
  readonly #redis: RedisAccess
  readonly #epoch: () => number
  readonly #load: (key: string) => Promise<Field[]>
  readonly #revoke: RunOnEach
  readonly #revocations: RedisRevocations
  readonly #merge: (key: string, ...args: (string | number)[]) => Promise<Field[] | null>

  /** @param epoch returns the current epoch: see replication/redis-fence.ts. */
  constructor(redis: RedisAccess, epoch: () => number) {
    this.#redis = redis
    this.#epoch = epoch
    this.#load = redis.script('heirloomLoad', LOAD)
    this.#merge = redis.script('heirloomMerge', MERGE)
    this.#revoke = redis.scriptOnEach('heirloomRevoke', REVOKE)
    this.#revocations = new RedisRevocations(redis)
  }

  /** The ids of all families with a copy or a tombstone in Redis, of any epoch. An id may come twice. */
  async *ids(): AsyncGenerator<FamilyId[]> {
    for await (const keys of this.#redis.scan(familyKey('*')))
      yield keys.map((key) => key.slice(familyKey('').length - 1, -1))
  }

  async open(family: Family): Promise<void> {
    await this.copyIn(family, this.#epoch())
  }

  /**
   * Merges a family as it was in Postgres.
   * @param epoch the current epoch before Postgres was read.
   */
  async copyIn(family: Family, epoch: number): Promise<void> {
    const key = familyKey(family.id)
    await this.#merge(key, epoch, keptUntil(family), ...stateArguments(family), ...grantToRedis(family))
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const [epoch, ...fields] = await this.#load(familyKey(id))
    if (!epoch || Number(epoch) < this.#epoch()) return null
    const grant = grantFromRedis(id, fields)
    if (!grant) return null
    const state = toState(fields.slice(REDIS_GRANT_FIELDS.length))
    return { family: { ...grant, ...state }, now: Number(fields.at(-1)) }
  }

  async advance({ id, expiresAt, state }: FamilyUpdate): Promise<FamilyState | null> {
    const before = await this.#merge(familyKey(id), this.#epoch(), expiresAt, ...stateArguments(state))
    return before && toState(before.slice(1))
  }

  async revoke(updates: readonly FamilyRevocation[]): Promise<void> {
    const listed = this.#revocations.add(updates.map(({ statusIndex }) => statusIndex))
    await Promise.all([listed, this.#writeTombstones(updates)])
  }

  async #writeTombstones(updates: readonly FamilyRevocation[]): Promise<void> {
    for (const { revoked, families } of byRevocation(updates)) {
      const keys = families.map(({ id }) => familyKey(id))
      await this.#revoke(
        keys,
        [revoked.at, revoked.reason],
        families.map(({ expiresAt }) => expiresAt),
      )
    }
  }
}

function stateArguments({ redeemed, redeemedAt, lateRepeated, revoked }: FamilyState) {
  return [redeemed, redeemedAt, lateRepeated ?? '', revoked?.at ?? '', revoked?.reason ?? '']
}

/** @param fields the values of `STATE_FIELDS`, and maybe more. */
function toState([redeemed, redeemedAt, late, revokedAt, revokedFor]: readonly Field[]): FamilyState {
  return {
    redeemed: Number(redeemed),
    redeemedAt: Number(redeemedAt),
    lateRepeated: late ? Number(late) : null,
    revoked: revokedAt ? { at: Number(revokedAt), reason: revokedFor as RevocationReason } : null,
  }
}
