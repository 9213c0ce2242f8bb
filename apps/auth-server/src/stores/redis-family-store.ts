import { type Family, type FamilyId, type FamilyState, EMPTY_STATE, type RevocationReason } from '../rules/family.ts'
import { type FamilyStore, type FamilyUpdate, byRevocation } from './family-store.ts'
import type { RedisAccess, RunOnEach } from '../redis/redis-access.ts'

/** A hash a family. The braces keep it in one slot of a cluster; its fields are short, so that Redis packs them. */
const keyOf = (id: FamilyId) => `heirloom:family:{${id}}`

const GRANT_FIELDS = ['sid', 'user', 'client', 'scope', 'binding', 'created', 'expires'] as const
const MARK_FIELDS = ['redeemed', 'redeemedAt', 'late', 'revokedAt', 'revokedFor'] as const

/** Answers the fields in the order above and the time in milliseconds. */
const LOAD = `
local time = redis.call('TIME')
local fields = redis.call('HMGET', KEYS[1], 'epoch', '${[...GRANT_FIELDS, ...MARK_FIELDS].join("','")}')
fields[#fields + 1] = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return fields`

/**
 * ARGV: epoch, expiry, the five marks (an empty string is none), then the grant's fields and values where the family is
 * opened. Answers the marks before the merge, or nothing where no copy of this epoch or a later one was there. Merges as
 * rules/family.ts does, whatever the epoch of the copy: what it holds did happen.
 */
const MERGE = `
local before = redis.call('HMGET', KEYS[1], 'epoch', '${MARK_FIELDS.join("','")}')
local there, opened = before[2], #ARGV > 7
local known = tonumber(before[1] or '-1') >= tonumber(ARGV[1])
local revokes = ARGV[6] ~= ''
if not (known or opened or revokes) then return nil end

local changes = {}
local function set(field, value) changes[#changes + 1] = field; changes[#changes + 1] = value end

local redeemed, had = tonumber(ARGV[3]), tonumber(before[2] or '-1')
if redeemed > had then set('redeemed', ARGV[3]) end
if redeemed > had or (redeemed == had and tonumber(ARGV[4]) < tonumber(before[3])) then set('redeemedAt', ARGV[4]) end
if ARGV[5] ~= '' and tonumber(ARGV[5]) > tonumber(before[4] or '0') then set('late', ARGV[5]) end
if revokes then
  local at, was = tonumber(ARGV[6]), tonumber(before[5] or 'inf')
  if at < was or (at == was and ARGV[7] < before[6]) then set('revokedAt', ARGV[6]); set('revokedFor', ARGV[7]) end
end
if opened and not known then
  set('epoch', ARGV[1])
  for i = 8, #ARGV do changes[#changes + 1] = ARGV[i] end
end

if #changes > 0 then redis.call('HSET', KEYS[1], unpack(changes)) end
if not there then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
if known then return before end`

/** ARGV: when and why, then the expiry of each key. Merges as above; a family that is not here is remembered. */
const REVOKE = `
for i, key in ipairs(KEYS) do
  local at, reason = ARGV[1], ARGV[2]
  local before = redis.call('HMGET', key, 'redeemed', 'revokedAt', 'revokedFor')
  local was = tonumber(before[2] or 'inf')
  if not before[1] then
    redis.call('HSET', key, 'redeemed', 0, 'redeemedAt', '${EMPTY_STATE.redeemedAt}', 'revokedAt', at, 'revokedFor', reason)
    redis.call('PEXPIREAT', key, ARGV[2 + i])
  elseif tonumber(at) < was or (tonumber(at) == was and reason < before[3]) then
    redis.call('HSET', key, 'revokedAt', at, 'revokedFor', reason)
  end
end`

type Field = string | null

/** The hot copy: one hash a family, gone when the family is. A copy of an epoch before the current one is not known. */
export class RedisFamilyStore implements FamilyStore {
  readonly #redis: RedisAccess
  readonly #epoch: () => number
  readonly #load: (key: string) => Promise<Field[]>
  readonly #revoke: RunOnEach
  readonly #merge: (key: string, ...args: (string | number)[]) => Promise<Field[] | null>

  /** @param epoch the current one, as in stores/redis-trust.ts. */
  constructor(redis: RedisAccess, epoch: () => number) {
    this.#redis = redis
    this.#epoch = epoch
    this.#load = redis.script('heirloomLoad', LOAD)
    this.#merge = redis.script('heirloomMerge', MERGE)
    this.#revoke = redis.scriptOnEach('heirloomRevoke', REVOKE)
  }

  /** Of all families that a copy or a tombstone is here of, whatever its epoch; one may come twice. */
  async *ids(): AsyncGenerator<FamilyId[]> {
    for await (const keys of this.#redis.scan(keyOf('*'))) yield keys.map((key) => key.slice(keyOf('').length - 1, -1))
  }

  async open(family: Family): Promise<void> {
    await this.copyIn(family, this.#epoch())
  }

  /** Merges a family as the record had it in `epoch` or later: the epoch is to be taken before the record is read. */
  async copyIn(family: Family, epoch: number): Promise<void> {
    const { sid, userId, clientId, scope, bindingKey, createdAt, expiresAt } = family
    const values = [sid, userId, clientId, scope, bindingKey ?? '', createdAt, expiresAt]
    const grant = GRANT_FIELDS.flatMap((field, i) => [field, values[i] ?? ''])
    await this.#merge(keyOf(family.id), epoch, expiresAt, ...markArguments(family), ...grant)
  }

  async load(id: FamilyId): Promise<{ family: Family; now: number } | null> {
    const [epoch, sid, userId, clientId, scope, bindingKey, createdAt, expiresAt, ...rest] = await this.#load(keyOf(id))
    if (!epoch || Number(epoch) < this.#epoch() || !sid || !userId || !clientId) return null
    const grant = { id, sid, userId, clientId, scope: scope ?? '', bindingKey: bindingKey || null }
    const now = Number(rest.at(-1))
    return { family: { ...grant, createdAt: Number(createdAt), expiresAt: Number(expiresAt), ...toMarks(rest) }, now }
  }

  async advance({ id, expiresAt, state }: FamilyUpdate): Promise<FamilyState | null> {
    const before = await this.#merge(keyOf(id), this.#epoch(), expiresAt, ...markArguments(state))
    return before && toMarks(before.slice(1))
  }

  async revoke(growths: readonly FamilyUpdate[]): Promise<void> {
    for (const { revoked, families } of byRevocation(growths)) {
      const keys = families.map(({ id }) => keyOf(id))
      await this.#revoke(
        keys,
        [revoked.at, revoked.reason],
        families.map(({ expiresAt }) => expiresAt),
      )
    }
  }
}

function markArguments({ redeemed, redeemedAt, lateRepeated, revoked }: FamilyState) {
  return [redeemed, redeemedAt, lateRepeated ?? '', revoked?.at ?? '', revoked?.reason ?? '']
}

function toMarks([redeemed, redeemedAt, late, revokedAt, revokedFor]: readonly Field[]): FamilyState {
  return {
    redeemed: Number(redeemed),
    redeemedAt: Number(redeemedAt),
    lateRepeated: late ? Number(late) : null,
    revoked: revokedAt ? { at: Number(revokedAt), reason: revokedFor as RevocationReason } : null,
  }
}
