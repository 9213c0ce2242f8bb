import { type RedisEpoch, type SharedFence, decideFence } from '../../src/rules/decide-fence.ts'
import { EMPTY_STATE, merge } from '../../src/rules/family.ts'
import { type Copy, type State, copyFor, withCopy, withRow, withServer } from './fence-state.ts'

/** The real protocol, or a copy of it with a fault planted in it. */
export interface Protocol {
  decideFence: typeof decideFence
  /** Whether a revocation makes sure, after its commit, that no server uses a copy that lacks it. */
  ensuresVisible: boolean
  /** Whether an update that Redis did not take disables the fence before it is acknowledged. */
  ensuresUpdateVisible: boolean
  /** Whether such an update is written to Redis, before the copy there counts as having it. */
  copiesUpdate: boolean
  /** Whether it is acknowledged without disabling the fence only if the epoch in which it was written to Redis still goes on. */
  checksUpdateEpoch: boolean
  /** Whether a revocation is written to Redis once more after its commit. */
  writesTwice: boolean
  /** Whether a server discards a poll that began before the server itself invalidated the fence. */
  discardsStalePolls: boolean
  /** Whether a server stops using Redis before it follows a redirection to a replica that took over. */
  noticesFailOver: boolean
}

export const PROTOCOL: Protocol = {
  decideFence: decideFence,
  ensuresVisible: true,
  ensuresUpdateVisible: true,
  copiesUpdate: true,
  checksUpdateEpoch: true,
  writesTwice: true,
  discardsStalePolls: true,
  noticesFailOver: true,
}

export const canReach = ({ redis, servers }: State, i: number) => redis.isUp && servers[i]?.isCut === false

export function seenBy(state: State, i: number) {
  const { redis, postgres, servers } = state
  const process = redis.process - (servers[i]?.isAtOld ? 1 : 0)
  return { shared: postgres.isUp ? postgres.row : null, runId: canReach(state, i) ? String(process) : null }
}

/** The epoch of the Redis that a server uses, or null. */
export const epochInUse = ({ servers }: State, i: number): number | null =>
  servers[i]?.current ? servers[i].newestEpoch : null

/** What replication/redis-fence.ts makes of a poll. */
export function decide(
  state: State,
  i: number,
  shared: SharedFence | null,
  runId: string | null,
  protocol: Protocol,
  writesPast = false,
): State {
  const { row, isUp } = state.postgres
  const last = state.servers[i]?.last ?? null
  const verdict = protocol.decideFence(shared, runId, last, writesPast)
  const disabled = withServer(state, i, { current: null, last: shared ? null : last })
  if (verdict.kind === 'enable') return enable(state, i, verdict.redis)
  if (verdict.kind === 'disable' || !isUp) return disabled
  if (verdict.kind === 'disable_for_all') return withRow(invalidated(disabled, i), { ...row, suspended: 'now' })
  if (row.epoch !== shared?.epoch || row.suspended === 'now' || runId === null) return disabled
  return enable(withRow(disabled, { epoch: row.epoch + 1, runId, suspended: 'never' }), i, {
    epoch: row.epoch + 1,
    runId,
  })
}

/** The fence is invalidated other than by a poll. */
const invalidated = (state: State, i: number) => {
  const polling = state.servers[i]?.polling
  return withServer(state, i, {
    current: null,
    last: null,
    polling: polling ? { ...polling, isInvalidated: true } : null,
  })
}

const enable = (state: State, i: number, current: RedisEpoch) =>
  withServer(state, i, {
    current,
    last: current,
    newestEpoch: Math.max(state.servers[i]?.newestEpoch ?? 0, current.epoch),
  })

/** RedisFence.ensureVisible, if Postgres answers. */
export function ensureVisible(state: State, i: number, epoch: number | null): State {
  const { row } = state.postgres
  const disabled = invalidated(state, i)
  if (row.suspended !== 'never') return disabled
  const { current } = state.servers[i] ?? {}
  if (epoch !== null && current && row.epoch === epoch && row.runId === current.runId) return state
  return withRow(disabled, { ...row, suspended: 'now' })
}

export function copyIn(state: State, i: number, { epoch, family }: Copy): State {
  const had = copyFor(state, i)
  const copy = { epoch: Math.max(had?.epoch ?? -1, epoch), family: merge(had?.family ?? EMPTY_STATE, family) }
  const refresh = state.servers[i]?.refresh ?? null
  return withServer(withCopy(state, i, copy), i, { refresh: refresh && { ...refresh, copiesIn: null } })
}
