import { type Position, decideRollback } from '../../src/rules/decide-rollback.ts'
import type { Model } from './explore.ts'

/** The real protocol, or a copy of it with a fault planted in it. */
export interface HistoryProtocol {
  decideHistory: typeof decideRollback
  /** Whether a new connection is compared before it is used. */
  checks: boolean
  /** Whether a commit only counts on the Postgres that it was made in. */
  fences: boolean
  /** Whether the position moves on after the commit that it covers, and Redis is told before that is acknowledged. */
  countsAfter: boolean
  tellsFirst: boolean
  /** Whether servers restore by themselves, merge what Redis has before the loss ends, and end it by the claim's connection. */
  restores: boolean
  merges: boolean
  endsInClaim: boolean
}

export const HISTORY_PROTOCOL: HistoryProtocol = {
  decideHistory: decideRollback,
  checks: true,
  fences: true,
  countsAfter: true,
  tellsFirst: true,
  restores: false,
  merges: true,
  endsInClaim: true,
}

/** History.LEAP, smaller: past all that is counted here. */
const LEAP = 10

interface Postgres extends Position {
  /** How many logouts it has: each adds one. */
  logouts: number
  isLost: boolean
  /** Another for each server of Postgres that takes over; a connection leads to one. */
  process: number
}

interface Server {
  known: number
  isLost: boolean
  connectedTo: number
  step: 'idle' | 'commit' | 'count' | 'judge'
  /** What follows where nothing is lost. */
  after: 'idle' | 'commit' | 'count'
  /** What the logout on its way made of Postgres; 0 while it has not committed, or where this is a mere look. */
  logout: number
  /** The Postgres that it was committed to. */
  committedTo: number
  read: { row: Postgres; known: number } | null
}

/** Who holds the claim, and the Postgres that it is held in. */
interface Restorer {
  server: number
  process: number
  hasMerged: boolean
}

interface State {
  postgres: Postgres
  restorer: Restorer | null
  standby: Postgres | null
  redis: { newest: number; marks: readonly (string | undefined)[] }
  servers: readonly Server[]
  marks: number
  logoutsLeft: number
  begun: number
  acknowledged: number
  failOver: 'none' | 'whole' | 'lost'
  failOversLeft: number
  wrong: string | null
}

/**
 * Two servers that log users out, look and restore, and a standby that copies Postgres at some moment and takes over at
 * another.
 */
export function historyModel(protocol: HistoryProtocol, { logouts = 3, failOvers = 1 } = {}): Model<State> {
  const postgres: Postgres = { position: 0, nonce: '', logouts: 0, isLost: false, process: 0 }
  const server: Server = {
    known: 0,
    isLost: false,
    connectedTo: 0,
    step: 'idle',
    after: 'idle',
    logout: 0,
    committedTo: 0,
    read: null,
  }
  return {
    initial: {
      postgres,
      restorer: null,
      standby: null,
      redis: { newest: 0, marks: [''] },
      servers: [server, server],
      marks: 0,
      logoutsLeft: logouts,
      begun: 0,
      acknowledged: 0,
      failOver: 'none',
      failOversLeft: failOvers,
      wrong: null,
    },
    *next(state) {
      for (const i of state.servers.keys()) yield* steps(state, i, protocol)
      if (protocol.restores) yield* restoring(state, protocol)
      const { standby, failOver, failOversLeft, postgres: primary } = state
      if (failOversLeft === 0) return
      yield ['the standby catches up', { ...state, standby: primary }]
      if (!standby) return
      const isWhole = standby.position === primary.position && standby.logouts === primary.logouts
      yield [
        'the standby takes over',
        {
          ...state,
          postgres: { ...standby, process: primary.process + 1 },
          failOver: isWhole && failOver !== 'lost' ? 'whole' : 'lost',
          failOversLeft: failOversLeft - 1,
        },
      ]
    },
    violation: ({ wrong }) => wrong,
    keyOf: (state) => JSON.stringify(state),
  }
}

function* steps(state: State, i: number, protocol: HistoryProtocol): Iterable<[string, State]> {
  const server = state.servers[i]
  if (!server) return
  const { postgres, logoutsLeft } = state
  const isNew = server.connectedTo !== postgres.process
  const look = (after: Partial<Server> = {}) =>
    change(state, i, { ...after, step: 'judge', read: { row: postgres, known: server.known } })
  if (server.step === 'judge') {
    yield [`server ${i} compares`, judge(state, i, protocol)]
  } else if (isNew && protocol.checks) {
    yield [`server ${i} connects anew`, look({ connectedTo: postgres.process, after: server.step })]
  } else if (server.step === 'idle') {
    yield [`server ${i} looks`, look()]
    const begun = change({ ...state, logoutsLeft: logoutsLeft - 1, begun: state.begun + 1 }, i, {
      step: protocol.countsAfter ? 'commit' : 'count',
    })
    if (logoutsLeft > 0 && !server.isLost) yield [`a logout at server ${i}`, begun]
  } else if (server.step === 'commit') {
    const logouts = postgres.logouts + 1
    const committed = { ...state, postgres: { ...postgres, logouts } }
    const step = protocol.countsAfter ? 'count' : 'judge'
    yield [
      `server ${i}: the logout is committed`,
      change(committed, i, { step, logout: logouts, committedTo: postgres.process }),
    ]
  } else {
    const marks = state.marks + 1
    const row = postgres.isLost ? postgres : { ...postgres, position: postgres.position + 1, nonce: `m${marks}` }
    const step = protocol.countsAfter ? 'judge' : 'commit'
    const counted = { ...state, postgres: row, marks }
    const acknowledged = protocol.tellsFirst ? state.acknowledged : Math.max(state.acknowledged, server.logout)
    yield [`server ${i} counts`, change({ ...counted, acknowledged }, i, { step, read: { row, known: server.known } })]
  }
}

/** History.restoring: any step of it may be the last one of its server. */
function* restoring(state: State, protocol: HistoryProtocol): Iterable<[string, State]> {
  const { restorer, postgres, redis } = state
  if (!restorer) {
    for (const [i, { isLost }] of state.servers.entries())
      if (isLost && postgres.isLost)
        yield [
          `server ${i} begins to restore`,
          { ...state, restorer: { server: i, process: postgres.process, hasMerged: false } },
        ]
    return
  }
  const i = restorer.server
  yield [
    `server ${i} is killed, and starts again`,
    change({ ...state, restorer: null }, i, {
      known: 0,
      isLost: false,
      connectedTo: postgres.process,
      step: 'judge',
      after: 'idle',
      logout: 0,
      committedTo: 0,
      read: { row: postgres, known: 0 },
    }),
  ]
  if (!restorer.hasMerged) {
    // A logout puts its tombstone into Redis before it commits.
    const logouts = protocol.merges ? Math.max(postgres.logouts, state.begun) : postgres.logouts
    yield [
      `server ${i} merges what Redis has`,
      { ...state, postgres: { ...postgres, logouts }, restorer: { ...restorer, hasMerged: true } },
    ]
  } else if (postgres.isLost && (restorer.process === postgres.process || !protocol.endsInClaim)) {
    const marks = state.marks + 1
    const position = Math.max(postgres.position, redis.newest) + LEAP
    yield [
      `server ${i} ends the loss`,
      { ...state, marks, postgres: { ...postgres, isLost: false, position, nonce: `m${marks}` }, restorer: null },
    ]
  } else {
    yield [`server ${i} loses its claim`, { ...state, restorer: null }]
  }
}

/** History.#judge, a round at a time. */
function judge(state: State, i: number, protocol: HistoryProtocol): State {
  const server = state.servers[i]
  if (!server?.read) return state
  const { row, known } = server.read
  const { marks, newest: had } = state.redis
  const newest = Math.max(had, row.position)
  const told = { newest, nonce: marks[row.position] ?? row.nonce }
  const redis = row.isLost ? state.redis : { newest, marks: withMark(marks, row) }
  const verdict = row.isLost ? 'lost' : protocol.decideHistory(row, known, told)
  const after = { ...state, redis }
  if (verdict === 'look_again') return change(after, i, { read: { row: state.postgres, known: newest } })
  if (verdict === 'lost') {
    const isWrong = state.failOver !== 'lost'
    // Not where a restore has ended it meanwhile.
    const isLost = state.postgres.isLost || state.postgres.position < newest + LEAP / 2
    const lost = {
      ...after,
      postgres: { ...state.postgres, isLost },
      wrong: isWrong ? 'an alarm over nothing' : null,
    }
    return change(lost, i, { step: 'idle', after: 'idle', logout: 0, read: null, isLost: true })
  }
  const isCurrent = row.process > 0 && row.process === state.postgres.process
  const isMissed = state.failOver === 'lost' && isCurrent && row.logouts < state.acknowledged
  const compared = {
    ...after,
    wrong: isMissed ? `2: server ${i} takes a Postgres for whole that has lost a logout` : null,
  }
  const common = { read: null, isLost: false, known: Math.max(server.known, newest) }
  if (server.after !== 'idle') return change(compared, i, { ...common, step: server.after, after: 'idle' })
  // Another one answered than took the commit: 503.
  const isCovered = !protocol.fences || server.committedTo === row.process
  return change({ ...compared, acknowledged: Math.max(state.acknowledged, isCovered ? server.logout : 0) }, i, {
    ...common,
    step: 'idle',
    logout: 0,
  })
}

function withMark(marks: State['redis']['marks'], { position, nonce }: Position): State['redis']['marks'] {
  return Array.from(
    { length: Math.max(marks.length, position + 1) },
    (_, at) => marks[at] ?? (at === position ? nonce : undefined),
  )
}

const change = (state: State, i: number, changes: Partial<Server>): State => ({
  ...state,
  servers: state.servers.map((server, j) => (j === i ? { ...server, ...changes } : server)),
})
