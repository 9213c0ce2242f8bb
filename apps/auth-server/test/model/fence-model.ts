import type { RedisEpoch } from '../../src/rules/decide-fence.ts'
import { decideRefresh } from '../../src/rules/decide-refresh.ts'
import { type FamilyState, EMPTY_STATE, merge } from '../../src/rules/family.ts'
import { aGrant } from '../support/grant.ts'
import type { Model } from './explore.ts'
import { type Publishing, type Server, type State, copyFor, withCopy, withRow, withServer } from './fence-state.ts'
import { type Protocol, canReach, copyIn, decide, ensureVisible, epochInUse, seenBy } from './fence-steps.ts'

const NOW = 0
/** No logout has begun yet. */
const NOBODY = -1
const LIVE: FamilyState = { ...EMPTY_STATE, redeemedAt: NOW }
const UPDATE: FamilyState = { ...EMPTY_STATE, redeemed: 1, redeemedAt: NOW }
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
  if (stage === 'begin') {
    for (const i of servers.keys()) {
      const isReached = canReach(state, i)
      const begun = at('commit', { server: i, epoch: isReached ? epochInUse(state, i) : null, isWritten: isReached })
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
    const epochNow = epochInUse(polled, server)
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

function* refreshes(state: State, protocol: Protocol): Iterable<[string, State]> {
  for (const [i, server] of state.servers.entries()) {
    const { refresh } = server
    if (!refresh) {
      const mustRefuse = state.logout.stage === 'done' && (server.hasPolled || i === state.logout.server)
      yield [
        `a refresh at server ${i}`,
        withServer(state, i, { refresh: { copiesIn: null, mustRefuse, publishing: null } }),
      ]
    } else if (refresh.publishing) {
      yield* publishings(state, i, refresh.publishing, protocol)
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
  if (!protocol.ensuresUpdateVisible) return { ...updated, isUpdated: true }
  return withServer(updated, i, { refresh: { ...refresh, publishing: { stage: 'ask', epoch: null } } })
}

/** LayeredFamilyStore.#publishUpdate, step by step: an update was committed to Postgres alone. */
function* publishings(
  state: State,
  i: number,
  { stage, epoch }: Publishing,
  protocol: Protocol,
): Iterable<[string, State]> {
  const { postgres, servers } = state
  const { newestEpoch = 0, refresh } = servers[i] ?? {}
  if (!refresh) return
  const at = (before: State, next: Partial<Server['refresh'] & object>) =>
    withServer(before, i, { refresh: { ...refresh, ...next } })
  const ended = withServer(state, i, { refresh: null })
  if (stage === 'ask' && postgres.isUp) {
    yield postgres.row.suspended === 'never'
      ? [`server ${i} may publish its update`, at(state, { publishing: { stage: 'poll', epoch } })]
      : [`server ${i} acknowledges its update: no server uses Redis`, { ...ended, isUpdated: true }]
  } else if (stage === 'poll') {
    const { shared, runId } = seenBy(state, i)
    const polled = decide(state, i, shared, runId, protocol)
    const inUse = epochInUse(polled, i)
    const next = inUse !== null && protocol.copiesUpdate ? 'copy' : 'ensure'
    yield [`server ${i} polls before it publishes`, at(polled, { publishing: { stage: next, epoch: inUse } })]
  } else if (stage === 'copy') {
    const copy = copyFor(state, i)
    const uncopied = at(state, { copiesIn: null, publishing: { stage: 'ensure', epoch: null } })
    if (!canReach(state, i)) yield [`server ${i} cannot copy its update into Redis`, uncopied]
    else if (refresh.copiesIn) {
      yield [`server ${i} copies the updated row into Redis`, copyIn(state, i, refresh.copiesIn)]
    } else if (copy && copy.epoch >= newestEpoch) {
      const written = withCopy(state, i, { ...copy, family: merge(copy.family, UPDATE) })
      yield [`server ${i} writes its update to Redis`, at(written, { publishing: { stage: 'ensure', epoch } })]
    } else if (postgres.isUp) {
      const copiesIn = { epoch: newestEpoch, family: postgres.family }
      yield [`server ${i} reads the updated row`, at(state, { copiesIn })]
    }
  } else if (stage === 'ensure' && postgres.isUp) {
    const isSkipped = !protocol.checksUpdateEpoch && epoch !== null
    const visible = isSkipped ? ended : ensureVisible(ended, i, epoch)
    yield [`server ${i} acknowledges its update`, { ...visible, isUpdated: true }]
  }
  if (!postgres.isUp) yield [`server ${i}: 503, to be asked again`, ended]
}

/** A command to Redis failed: the server polls, and asks again. */
function failed(state: State, i: number, protocol: Protocol): State {
  const { shared, runId } = seenBy(state, i)
  const refresh = state.servers[i]?.refresh ?? null
  return withServer(decide(state, i, shared, runId, protocol), i, {
    refresh: refresh && { ...refresh, copiesIn: null },
  })
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
  const update = verdict.kind === 'rotate' ? UPDATE : EMPTY_STATE
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
