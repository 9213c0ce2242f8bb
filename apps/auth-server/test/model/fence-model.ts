import { type SharedFence, type RedisEpoch, decideFence } from '../../src/rules/decide-fence.ts'
import { decideRefresh } from '../../src/rules/decide-refresh.ts'
import { type Family, type FamilyState, EMPTY_STATE, merge } from '../../src/rules/family.ts'
import type { Model } from './explore.ts'
import { type Copy, type Server, type State, copyFor, withCopy, withRow, withServer } from './fence-state.ts'

/** The real protocol, or a copy of it with a fault planted in it. */
export interface Protocol {
  decideTrust: typeof decideFence
  /** Whether a revocation makes sure, after its commit, that no server goes on with a copy that lacks it. */
  covers: boolean
  /** Whether a mark that Redis did not take makes the others do without Redis before it is acknowledged. */
  coversMarks: boolean
  /** Whether Redis is told of a revocation once more after its commit. */
  tellsTwice: boolean
  /** Whether a look that was under way when its own server ended the belief is not believed. */
  doubts: boolean
  /** Whether a server that is sent to a replica which took over ceases to believe before it asks there. */
  noticesFailOver: boolean
}

export const PROTOCOL: Protocol = {
  decideTrust: decideFence,
  covers: true,
  coversMarks: true,
  tellsTwice: true,
  doubts: true,
  noticesFailOver: true,
}

const NOW = 0
/** No logout has begun yet. */
const NOBODY = -1
const LIVE: FamilyState = { ...EMPTY_STATE, redeemedAt: NOW }
const TOMBSTONE: FamilyState = { ...EMPTY_STATE, revoked: { at: NOW, reason: 'logout' } }
const PRESENTED = { generation: 1, clientId: null, bindingKey: null }
const POLICY = { idleMs: 1_000, graceMs: 10, lateRepeatGap: 8 }

/**
 * Two servers, one logout step by step, and refreshes of that family through either of them, while Redis is killed, flushed,
 * restarted from a snapshot, failed over, cut from one server, or Postgres is away. All servers saw the first epoch begin.
 * @param isMisconfigured one server has not reached Redis since its start.
 */
export function trustModel(protocol: Protocol, faults: number, isMisconfigured = false): Model<State> {
  const trust: RedisEpoch = { epoch: 1, runId: '0' }
  const server: Server = {
    trust,
    newestEpoch: 1,
    last: trust,
    isCut: false,
    isAtOld: false,
    looking: null,
    hasLooked: false,
    knowsMark: false,
    refresh: null,
  }
  const blind: Server = { ...server, trust: null, newestEpoch: 0, last: null, isCut: true }
  return {
    initial: {
      redis: { isUp: true, process: 0, copy: { epoch: 1, marks: LIVE } },
      old: null,
      snapshot: { epoch: 1, marks: LIVE },
      postgres: { isUp: true, marks: LIVE, row: { ...trust, suspended: 'never' } },
      servers: [server, isMisconfigured ? blind : server],
      logout: { stage: 'begin', server: NOBODY, epoch: null, told: false },
      isMisconfigured,
      isMarked: false,
      faults,
      wrong: null,
    },
    next: (state) => [
      ...looks(state, protocol),
      ...logouts(state, protocol),
      ...refreshes(state, protocol),
      ...healing(state, protocol),
      ...(state.faults > 0 ? faultsOf({ ...state, faults: state.faults - 1 }) : []),
    ],
    violation: ({ wrong }) => wrong,
    keyOf: (state) => JSON.stringify(state),
  }
}

function* looks(state: State, protocol: Protocol): Iterable<[string, State]> {
  for (const [i, server] of state.servers.entries()) {
    if (!server.looking) {
      const since = { isAfterEnd: state.logout.stage === 'done', isAfterMark: state.isMarked }
      const looking = { ...seenBy(state, i), ...since, isDoubted: false }
      yield [`server ${i} begins to look`, withServer(state, i, { looking })]
    } else {
      const { shared, runId, isAfterEnd, isAfterMark, isDoubted } = server.looking
      const hasLooked = server.hasLooked || (isAfterEnd && (shared !== null || !state.isMisconfigured))
      const knowsMark = server.knowsMark || (isAfterMark && shared !== null)
      const looked = withServer(state, i, { looking: null, hasLooked, knowsMark })
      const concluded = conclude(looked, i, shared, runId, protocol)
      const isStale = protocol.doubts && isDoubted && concluded.servers[i]?.trust
      yield [`server ${i} has looked`, isStale ? looked : concluded]
      // One that wrote past Redis a moment ago tells so again, whatever it was.
      if (runId === null) yield [`server ${i} goes on past Redis`, conclude(looked, i, shared, runId, protocol, true)]
    }
  }
  const { row } = state.postgres
  if (row.suspended === 'now') yield ['the suspension lapses', withRow(state, { ...row, suspended: 'before' })]
}

const canReach = ({ redis, servers }: State, i: number) => redis.isUp && servers[i]?.isCut === false

function seenBy(state: State, i: number) {
  const { redis, postgres, servers } = state
  const process = redis.process - (servers[i]?.isAtOld ? 1 : 0)
  return { shared: postgres.isUp ? postgres.row : null, runId: canReach(state, i) ? String(process) : null }
}

/** What stores/redis-trust.ts makes of a look. */
function conclude(
  state: State,
  i: number,
  shared: SharedFence | null,
  runId: string | null,
  protocol: Protocol,
  writesPast = false,
): State {
  const { row, isUp } = state.postgres
  const last = state.servers[i]?.last ?? null
  const verdict = protocol.decideTrust(shared, runId, last, writesPast)
  const distrusting = withServer(state, i, { trust: null, last: shared ? null : last })
  if (verdict.kind === 'trust') return believe(state, i, verdict.trust)
  if (verdict.kind === 'distrust' || !isUp) return distrusting
  if (verdict.kind === 'suspend') return withRow(doubted(distrusting, i), { ...row, suspended: 'now' })
  if (row.epoch !== shared?.epoch || row.suspended === 'now' || runId === null) return distrusting
  return believe(withRow(distrusting, { epoch: row.epoch + 1, runId, suspended: 'never' }), i, {
    epoch: row.epoch + 1,
    runId,
  })
}

/** Something else than a look ends the belief. */
const doubted = (state: State, i: number) => {
  const looking = state.servers[i]?.looking
  return withServer(state, i, { trust: null, last: null, looking: looking ? { ...looking, isDoubted: true } : null })
}

const believe = (state: State, i: number, trust: RedisEpoch) =>
  withServer(state, i, {
    trust,
    last: trust,
    newestEpoch: Math.max(state.servers[i]?.newestEpoch ?? 0, trust.epoch),
  })

function* logouts(state: State, protocol: Protocol): Iterable<[string, State]> {
  const { logout, postgres, servers } = state
  const { stage, server, epoch, told } = logout
  const at = (next: typeof stage, changes: Partial<State['logout']> = {}) => ({
    ...state,
    logout: { ...logout, stage: next, ...changes },
  })
  const buried = (before: State, i: number) => {
    const copy = copyFor(before, i)
    return withCopy(before, i, { epoch: copy?.epoch ?? -1, marks: merge(copy?.marks ?? EMPTY_STATE, TOMBSTONE) })
  }
  const epochOf = (trusting: Server | undefined) => (trusting?.trust ? trusting.newestEpoch : null)
  if (stage === 'begin') {
    for (const [i, one] of servers.entries()) {
      const isReached = canReach(state, i)
      const begun = at('commit', { server: i, epoch: isReached ? epochOf(one) : null, told: isReached })
      yield [`logout at server ${i}: ${isReached ? 'told' : 'not told'} to Redis`, isReached ? buried(begun, i) : begun]
    }
  } else if (stage === 'commit' && postgres.isUp) {
    const marks = merge(postgres.marks, TOMBSTONE)
    const committed = at(protocol.tellsTwice && told ? 'look' : 'cover')
    yield ['logout: committed', { ...committed, postgres: { ...postgres, marks } }]
  } else if (stage === 'look') {
    const { shared, runId } = seenBy(state, server)
    const looked = servers[server]?.trust ? state : conclude(state, server, shared, runId, protocol)
    const epochNow = epochOf(looked.servers[server])
    yield ['logout: looked', { ...looked, logout: { ...logout, stage: 'again', epoch: epochNow } }]
  } else if (stage === 'again') {
    const again = canReach(state, server)
    yield ['logout: told once more', again ? buried(at('cover'), server) : at('cover', { epoch: null })]
  } else if (stage === 'cover' && postgres.isUp) {
    yield ['logout: acknowledged', protocol.covers ? cover(at('done'), server, epoch) : at('done')]
  }
  if (stage !== 'begin' && stage !== 'done') yield ['logout: 503, to be asked again', at('begin')]
}

/** RedisTrust.cover, where Postgres answers. */
function cover(state: State, i: number, epoch: number | null): State {
  const { row } = state.postgres
  const distrusting = doubted(state, i)
  if (row.suspended !== 'never') return distrusting
  const { trust } = state.servers[i] ?? {}
  if (epoch !== null && trust && row.epoch === epoch && row.runId === trust.runId) return state
  return withRow(distrusting, { ...row, suspended: 'now' })
}

function* refreshes(state: State, protocol: Protocol): Iterable<[string, State]> {
  for (const [i, server] of state.servers.entries()) {
    const { refresh } = server
    if (!refresh) {
      const mustRefuse = state.logout.stage === 'done' && (server.hasLooked || i === state.logout.server)
      yield [`a refresh at server ${i}`, withServer(state, i, { refresh: { restores: null, mustRefuse } })]
    } else if (refresh.restores) {
      yield [
        `server ${i} restores`,
        canReach(state, i) ? restore(state, i, refresh.restores) : failed(state, i, protocol),
      ]
    } else {
      yield [`server ${i} answers`, ask(state, i, protocol)]
    }
  }
}

function ask(state: State, i: number, protocol: Protocol): State {
  const { postgres, servers } = state
  const { trust, newestEpoch, refresh } = servers[i] ?? {}
  const copy = copyFor(state, i)
  if (!refresh) return state
  if (trust && !canReach(state, i)) return failed(state, i, protocol)
  if (trust && copy && copy.epoch >= (newestEpoch ?? 0)) {
    const { judged, growth } = judge(state, i, copy.marks)
    if (servers[i]?.knowsMark && copy.marks.redeemed < 1)
      return { ...judged, wrong: `4: server ${i} judges without a refresh that was acknowledged` }
    return withCopy(judged, i, { ...copy, marks: merge(copy.marks, growth) })
  }
  // 503: nothing was decided.
  if (!postgres.isUp) return withServer(state, i, { refresh: null })
  if (trust) {
    const restores = { epoch: newestEpoch ?? 0, marks: postgres.marks }
    return withServer(state, i, { refresh: { ...refresh, restores } })
  }
  const { judged, growth } = judge(state, i, postgres.marks)
  const marked = { ...judged, postgres: { ...judged.postgres, marks: merge(postgres.marks, growth) } }
  if (growth === EMPTY_STATE) return marked
  return { ...(protocol.coversMarks ? cover(marked, i, null) : marked), isMarked: true }
}

/** A command to Redis failed: the server looks, and asks again. */
function failed(state: State, i: number, protocol: Protocol): State {
  const { shared, runId } = seenBy(state, i)
  const refresh = state.servers[i]?.refresh ?? null
  return withServer(conclude(state, i, shared, runId, protocol), i, {
    refresh: refresh && { ...refresh, restores: null },
  })
}

function restore(state: State, i: number, { epoch, marks }: Copy): State {
  const had = copyFor(state, i)
  const copy = { epoch: Math.max(had?.epoch ?? -1, epoch), marks: merge(had?.marks ?? EMPTY_STATE, marks) }
  const refresh = state.servers[i]?.refresh ?? null
  return withServer(withCopy(state, i, copy), i, { refresh: refresh && { ...refresh, restores: null } })
}

function judge(state: State, i: number, marks: FamilyState): { judged: State; growth: FamilyState } {
  const { logout, servers } = state
  const verdict = decideRefresh({ ...GRANT, ...marks }, PRESENTED, NOW, POLICY)
  const isRefused = verdict.kind === 'refuse' || verdict.kind === 'reuse'
  const wrong = isRefused
    ? logout.server !== NOBODY
      ? null
      : `1 and 7: server ${i} refused a live family`
    : servers[i]?.refresh?.mustRefuse
      ? `2: server ${i} accepted a token after the logout was acknowledged`
      : null
  const growth = verdict.kind === 'rotate' ? { ...EMPTY_STATE, redeemed: 1, redeemedAt: NOW } : EMPTY_STATE
  return { judged: { ...withServer(state, i, { refresh: null }), wrong }, growth }
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
    const ceases = noticesFailOver ? { trust: null, looking: null } : {}
    if (isAtOld) yield [`server ${i} is sent to the new master`, withServer(state, i, { isAtOld: false, ...ceases })]
  }
}

function* faultsOf(state: State): Iterable<[string, State]> {
  const { redis, old, snapshot, postgres, servers } = state
  if (redis.isUp) {
    // Every server sees its connection end.
    const alone = servers.map((server) => ({ ...server, isAtOld: false, trust: null, looking: null }))
    yield ['Redis is killed', { ...state, servers: alone, old: null, redis: { ...redis, isUp: false } }]
    yield ['Redis is flushed', { ...state, redis: { ...redis, copy: null } }]
    // The old master still answers, as one does that only the other nodes have lost sight of.
    const behind = servers.map((server) => ({ ...server, isAtOld: true }))
    const promoted = { isUp: true, process: redis.process + 1, copy: snapshot }
    if (!old) yield ['a replica takes over', { ...state, servers: behind, old: { copy: redis.copy }, redis: promoted }]
  }
  if (postgres.isUp) yield ['Postgres is away', { ...state, postgres: { ...postgres, isUp: false } }]
  for (const [i, { isCut }] of servers.entries())
    if (!isCut) yield [`server ${i} alone loses Redis`, withServer(state, i, { isCut: true })]
}

const GRANT: Omit<Family, keyof FamilyState> = {
  id: 'family',
  sid: 'session',
  userId: 'user',
  clientId: 'web',
  scope: 'reports:read',
  bindingKey: null,
  createdAt: NOW,
  expiresAt: 1_000,
}
