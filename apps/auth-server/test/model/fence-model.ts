import { type SharedFence, type RedisEpoch, decideFence } from '../../src/rules/decide-fence.ts'
import { decideRefresh } from '../../src/rules/decide-refresh.ts'
import { type FamilyState, EMPTY_STATE, merge } from '../../src/rules/family.ts'
import { aGrant } from '../support/grant.ts'
import type { Model } from './explore.ts'
import { type Copy, type Server, type State, copyFor, withCopy, withRow, withServer } from './fence-state.ts'

/** The real protocol, or a copy of it with a fault planted in it. */
export interface Protocol {
  decideFence: typeof decideFence
  /** Whether a revocation makes sure, after its commit, that no server uses a copy that lacks it. */
  ensuresVisible: boolean
  /** Whether an update that Redis did not take disables the fence before it is acknowledged. */
  ensuresUpdateVisible: boolean
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
  writesTwice: true,
  discardsStalePolls: true,
  noticesFailOver: true,
}

const NOW = 0
/** No logout has begun yet. */
const NOBODY = -1
const LIVE: FamilyState = { ...EMPTY_STATE, redeemedAt: NOW }
const TOMBSTONE: FamilyState = { ...EMPTY_STATE, revoked: { at: NOW, reason: 'logout' } }
const PRESENTED = { generation: 1, clientId: null, bindingKey: null }
const POLICY = { idleMs: 1_000, graceMs: 10, lateRepeatGap: 8, endedBefore: 0 }

/**
 * Two servers, one logout step by step, and refreshes of that family through either server. Meanwhile Redis is killed, flushed,
 * restarted from a snapshot, failed over or cut off from one server, or Postgres is away. All servers saw the first epoch begin.
 * @param isMisconfigured one server has not reached Redis since its start.
 */
export function fenceModel(protocol: Protocol, faults: number, isMisconfigured = false): Model<State> {
  const current: RedisEpoch = { epoch: 1, runId: '0' }
  const server: Server = {
    current,
    newestEpoch: 1,
    last: current,
    isCut: false,
    isAtOld: false,
    polling: null,
    hasPolled: false,
    knowsUpdate: false,
    refresh: null,
  }
  const blind: Server = { ...server, current: null, newestEpoch: 0, last: null, isCut: true }
  return {
    initial: {
      redis: { isUp: true, process: 0, copy: { epoch: 1, family: LIVE } },
      old: null,
      snapshot: { epoch: 1, family: LIVE },
      postgres: { isUp: true, family: LIVE, row: { ...current, suspended: 'never' } },
      servers: [server, isMisconfigured ? blind : server],
      logout: { stage: 'begin', server: NOBODY, epoch: null, isWritten: false },
      isMisconfigured,
      isUpdated: false,
      faults,
      wrong: null,
    },
    next: (state) => [
      ...polls(state, protocol),
      ...logouts(state, protocol),
      ...refreshes(state, protocol),
      ...healing(state, protocol),
      ...(state.faults > 0 ? faultsOf({ ...state, faults: state.faults - 1 }) : []),
    ],
    violation: ({ wrong }) => wrong,
    keyOf: (state) => JSON.stringify(state),
  }
}

function* polls(state: State, protocol: Protocol): Iterable<[string, State]> {
  for (const [i, server] of state.servers.entries()) {
    if (!server.polling) {
      const since = { isAfterEnd: state.logout.stage === 'done', isAfterUpdate: state.isUpdated }
      const polling = { ...seenBy(state, i), ...since, isInvalidated: false }
      yield [`server ${i} begins to poll`, withServer(state, i, { polling })]
    } else {
      const { shared, runId, isAfterEnd, isAfterUpdate, isInvalidated } = server.polling
      const hasPolled = server.hasPolled || (isAfterEnd && (shared !== null || !state.isMisconfigured))
      const knowsUpdate = server.knowsUpdate || (isAfterUpdate && shared !== null)
      const polled = withServer(state, i, { polling: null, hasPolled, knowsUpdate })
      const decided = decide(polled, i, shared, runId, protocol)
      const isStale = protocol.discardsStalePolls && isInvalidated && decided.servers[i]?.current
      yield [`server ${i} has polled`, isStale ? polled : decided]
      // A server that wrote without Redis a moment ago disables the fence again.
      if (runId === null) yield [`server ${i} goes on without Redis`, decide(polled, i, shared, runId, protocol, true)]
    }
  }
  const { row } = state.postgres
  if (row.suspended === 'now')
    yield ['the fence is not disabled any more', withRow(state, { ...row, suspended: 'before' })]
}

const canReach = ({ redis, servers }: State, i: number) => redis.isUp && servers[i]?.isCut === false

function seenBy(state: State, i: number) {
  const { redis, postgres, servers } = state
  const process = redis.process - (servers[i]?.isAtOld ? 1 : 0)
  return { shared: postgres.isUp ? postgres.row : null, runId: canReach(state, i) ? String(process) : null }
}

/** What replication/redis-fence.ts makes of a poll. */
function decide(
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

function* logouts(state: State, protocol: Protocol): Iterable<[string, State]> {
  const { logout, postgres, servers } = state
  const { stage, server, epoch, isWritten } = logout
  const at = (next: typeof stage, changes: Partial<State['logout']> = {}) => ({
    ...state,
    logout: { ...logout, stage: next, ...changes },
  })
  const withTombstone = (before: State, i: number) => {
    const copy = copyFor(before, i)
    return withCopy(before, i, { epoch: copy?.epoch ?? -1, family: merge(copy?.family ?? EMPTY_STATE, TOMBSTONE) })
  }
  const epochOf = (one: Server | undefined) => (one?.current ? one.newestEpoch : null)
  if (stage === 'begin') {
    for (const [i, one] of servers.entries()) {
      const isReached = canReach(state, i)
      const begun = at('commit', { server: i, epoch: isReached ? epochOf(one) : null, isWritten: isReached })
      yield [
        `logout at server ${i}: ${isReached ? 'written' : 'not written'} to Redis`,
        isReached ? withTombstone(begun, i) : begun,
      ]
    }
  } else if (stage === 'commit' && postgres.isUp) {
    const family = merge(postgres.family, TOMBSTONE)
    const committed = at(protocol.writesTwice && isWritten ? 'poll' : 'ensure')
    yield ['logout: committed', { ...committed, postgres: { ...postgres, family } }]
  } else if (stage === 'poll') {
    const { shared, runId } = seenBy(state, server)
    const polled = servers[server]?.current ? state : decide(state, server, shared, runId, protocol)
    const epochNow = epochOf(polled.servers[server])
    yield ['logout: polled', { ...polled, logout: { ...logout, stage: 'again', epoch: epochNow } }]
  } else if (stage === 'again') {
    const again = canReach(state, server)
    yield [
      'logout: written to Redis once more',
      again ? withTombstone(at('ensure'), server) : at('ensure', { epoch: null }),
    ]
  } else if (stage === 'ensure' && postgres.isUp) {
    yield ['logout: acknowledged', protocol.ensuresVisible ? ensureVisible(at('done'), server, epoch) : at('done')]
  }
  if (stage !== 'begin' && stage !== 'done') yield ['logout: 503, to be asked again', at('begin')]
}

/** RedisFence.ensureVisible, if Postgres answers. */
function ensureVisible(state: State, i: number, epoch: number | null): State {
  const { row } = state.postgres
  const disabled = invalidated(state, i)
  if (row.suspended !== 'never') return disabled
  const { current } = state.servers[i] ?? {}
  if (epoch !== null && current && row.epoch === epoch && row.runId === current.runId) return state
  return withRow(disabled, { ...row, suspended: 'now' })
}

function* refreshes(state: State, protocol: Protocol): Iterable<[string, State]> {
  for (const [i, server] of state.servers.entries()) {
    const { refresh } = server
    if (!refresh) {
      const mustRefuse = state.logout.stage === 'done' && (server.hasPolled || i === state.logout.server)
      yield [`a refresh at server ${i}`, withServer(state, i, { refresh: { copiesIn: null, mustRefuse } })]
    } else if (refresh.copiesIn) {
      yield [
        `server ${i} copies the row into Redis`,
        canReach(state, i) ? copyIn(state, i, refresh.copiesIn) : failed(state, i, protocol),
      ]
    } else {
      yield [`server ${i} answers`, ask(state, i, protocol)]
    }
  }
}

function ask(state: State, i: number, protocol: Protocol): State {
  const { postgres, servers } = state
  const { current, newestEpoch, refresh } = servers[i] ?? {}
  const copy = copyFor(state, i)
  if (!refresh) return state
  if (current && !canReach(state, i)) return failed(state, i, protocol)
  if (current && copy && copy.epoch >= (newestEpoch ?? 0)) {
    const { judged, update } = judge(state, i, copy.family)
    if (servers[i]?.knowsUpdate && copy.family.redeemed < 1)
      return { ...judged, wrong: `4: server ${i} decides without a refresh that was acknowledged` }
    return withCopy(judged, i, { ...copy, family: merge(copy.family, update) })
  }
  // 503: nothing was decided.
  if (!postgres.isUp) return withServer(state, i, { refresh: null })
  if (current) {
    const copiesIn = { epoch: newestEpoch ?? 0, family: postgres.family }
    return withServer(state, i, { refresh: { ...refresh, copiesIn } })
  }
  const { judged, update } = judge(state, i, postgres.family)
  const updated = { ...judged, postgres: { ...judged.postgres, family: merge(postgres.family, update) } }
  if (update === EMPTY_STATE) return updated
  return { ...(protocol.ensuresUpdateVisible ? ensureVisible(updated, i, null) : updated), isUpdated: true }
}

/** A command to Redis failed: the server polls, and asks again. */
function failed(state: State, i: number, protocol: Protocol): State {
  const { shared, runId } = seenBy(state, i)
  const refresh = state.servers[i]?.refresh ?? null
  return withServer(decide(state, i, shared, runId, protocol), i, {
    refresh: refresh && { ...refresh, copiesIn: null },
  })
}

function copyIn(state: State, i: number, { epoch, family }: Copy): State {
  const had = copyFor(state, i)
  const copy = { epoch: Math.max(had?.epoch ?? -1, epoch), family: merge(had?.family ?? EMPTY_STATE, family) }
  const refresh = state.servers[i]?.refresh ?? null
  return withServer(withCopy(state, i, copy), i, { refresh: refresh && { ...refresh, copiesIn: null } })
}

function judge(state: State, i: number, family: FamilyState): { judged: State; update: FamilyState } {
  const { logout, servers } = state
  const verdict = decideRefresh({ ...aGrant(), ...family }, PRESENTED, NOW, POLICY)
  const isRefused = verdict.kind === 'refuse' || verdict.kind === 'reuse'
  const wrong = isRefused
    ? logout.server !== NOBODY
      ? null
      : `1 and 7: server ${i} refused a live family`
    : servers[i]?.refresh?.mustRefuse
      ? `2: server ${i} accepted a token after the logout was acknowledged`
      : null
  const update = verdict.kind === 'rotate' ? { ...EMPTY_STATE, redeemed: 1, redeemedAt: NOW } : EMPTY_STATE
  return { judged: { ...withServer(state, i, { refresh: null }), wrong }, update }
}

function* healing(state: State, { noticesFailOver }: Protocol): Iterable<[string, State]> {
  const { redis, postgres, servers, snapshot } = state
  if (!redis.isUp) {
    const started = { isUp: true, process: redis.process + 1 }
    yield ['Redis starts from its old snapshot', { ...state, redis: { ...redis, ...started, copy: snapshot } }]
    yield ['Redis starts empty', { ...state, redis: { ...started, copy: null } }]
  }
  if (!postgres.isUp) yield ['Postgres is back', { ...state, postgres: { ...postgres, isUp: true } }]
  for (const [i, { isCut, isAtOld }] of servers.entries()) {
    if (isCut) yield [`server ${i} sees Redis again`, withServer(state, i, { isCut: false })]
    const ceases = noticesFailOver ? { current: null, polling: null } : {}
    if (isAtOld) yield [`server ${i} is sent to the new master`, withServer(state, i, { isAtOld: false, ...ceases })]
  }
}

function* faultsOf(state: State): Iterable<[string, State]> {
  const { redis, old, snapshot, postgres, servers } = state
  if (redis.isUp) {
    // Every server sees its connection end.
    const alone = servers.map((server) => ({ ...server, isAtOld: false, current: null, polling: null }))
    yield ['Redis is killed', { ...state, servers: alone, old: null, redis: { ...redis, isUp: false } }]
    yield ['Redis is flushed', { ...state, redis: { ...redis, copy: null } }]
    // The old master still answers: only the other nodes have lost sight of it.
    const behind = servers.map((server) => ({ ...server, isAtOld: true }))
    const promoted = { isUp: true, process: redis.process + 1, copy: snapshot }
    if (!old) yield ['a replica takes over', { ...state, servers: behind, old: { copy: redis.copy }, redis: promoted }]
  }
  if (postgres.isUp) yield ['Postgres is away', { ...state, postgres: { ...postgres, isUp: false } }]
  for (const [i, { isCut }] of servers.entries())
    if (!isCut) yield [`server ${i} alone loses Redis`, withServer(state, i, { isCut: true })]
}
