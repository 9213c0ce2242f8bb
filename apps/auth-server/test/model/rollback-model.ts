import { type Position, decideRollback } from '../../src/rules/decide-rollback.ts'
import type { Model } from './explore.ts'

/** The real protocol, or a copy of it with a fault planted in it. */
export interface RollbackProtocol {
  decideRollback: typeof decideRollback
  /** Whether a new connection is compared before it is used. */
  checks: boolean
  /** Whether a commit only counts on the Postgres that it was made in. */
  fences: boolean
  /** Whether the position moves on after the commit that it covers, and is published before that is acknowledged. */
  countsAfter: boolean
  publishesFirst: boolean
  /** Whether servers restore by themselves, merge what Redis has before the rollback ends, and end it in the claim's transaction. */
  restores: boolean
  merges: boolean
  endsInClaim: boolean
}

export const ROLLBACK_PROTOCOL: RollbackProtocol = {
  decideRollback: decideRollback,
  checks: true,
  fences: true,
  countsAfter: true,
  publishesFirst: true,
  restores: false,
  merges: true,
  endsInClaim: true,
}

/** As in postgres-position.ts, but smaller: past all that is counted here. */
const LEAP = 10

interface Postgres extends Position {
  /** How many logouts it has: each adds one. */
  logouts: number
  isRolledBack: boolean
  /** A new number for each Postgres that takes over. A connection leads to one of them. */
  process: number
}

interface Server {
  known: number
  isRolledBack: boolean
  connectedTo: number
  step: 'idle' | 'commit' | 'count' | 'compare'
  /** The step that follows if Postgres is intact. */
  after: 'idle' | 'commit' | 'count'
  /** How many logouts Postgres had after the commit of this one; 0 before the commit, or if this is only a poll. */
  logout: number
  /** The Postgres that took the commit. */
  committedTo: number
  read: { row: Postgres; known: number } | null
}

/** The server that holds the claim, and the Postgres in which it is held. */
interface Restorer {
  server: number
  process: number
  hasMerged: boolean
}

interface State {
  postgres: Postgres
  restorer: Restorer | null
  standby: Postgres | null
  redis: { newest: number; nonces: readonly (string | undefined)[] }
  servers: readonly Server[]
  /** How many nonces were drawn. */
  drawn: number
  logoutsLeft: number
  begun: number
  acknowledged: number
  failOver: 'none' | 'whole' | 'rolled_back'
  failOversLeft: number
  wrong: string | null
}

/**
 * Two servers that log users out, poll and restore, and a standby that copies Postgres at one moment and takes over at
 * another.
 */
export function rollbackModel(protocol: RollbackProtocol, { logouts = 3, failOvers = 1 } = {}): Model<State> {
  const postgres: Postgres = { position: 0, nonce: '', logouts: 0, isRolledBack: false, process: 0 }
  const server: Server = {
    known: 0,
    isRolledBack: false,
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
      redis: { newest: 0, nonces: [''] },
      servers: [server, server],
      drawn: 0,
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
          failOver: isWhole && failOver !== 'rolled_back' ? 'whole' : 'rolled_back',
          failOversLeft: failOversLeft - 1,
        },
      ]
    },
    violation: ({ wrong }) => wrong,
    keyOf: (state) => JSON.stringify(state),
  }
}

function* steps(state: State, i: number, protocol: RollbackProtocol): Iterable<[string, State]> {
  const server = state.servers[i]
  if (!server) return
  const { postgres, logoutsLeft } = state
  const isNewConnection = server.connectedTo !== postgres.process
  const poll = (after: Partial<Server> = {}) =>
    change(state, i, { ...after, step: 'compare', read: { row: postgres, known: server.known } })
  if (server.step === 'compare') {
    yield [`server ${i} compares`, compare(state, i, protocol)]
  } else if (isNewConnection && protocol.checks) {
    yield [`server ${i} connects anew`, poll({ connectedTo: postgres.process, after: server.step })]
  } else if (server.step === 'idle') {
    yield [`server ${i} polls`, poll()]
    const begun = change({ ...state, logoutsLeft: logoutsLeft - 1, begun: state.begun + 1 }, i, {
      step: protocol.countsAfter ? 'commit' : 'count',
    })
    if (logoutsLeft > 0 && !server.isRolledBack) yield [`a logout at server ${i}`, begun]
  } else if (server.step === 'commit') {
    const logouts = postgres.logouts + 1
    const committed = { ...state, postgres: { ...postgres, logouts } }
    const step = protocol.countsAfter ? 'count' : 'compare'
    yield [
      `server ${i}: the logout is committed`,
      change(committed, i, { step, logout: logouts, committedTo: postgres.process }),
    ]
  } else {
    const drawn = state.drawn + 1
    const row = postgres.isRolledBack ? postgres : { ...postgres, position: postgres.position + 1, nonce: `n${drawn}` }
    const step = protocol.countsAfter ? 'compare' : 'commit'
    const counted = { ...state, postgres: row, drawn }
    const acknowledged = protocol.publishesFirst ? state.acknowledged : Math.max(state.acknowledged, server.logout)
    yield [`server ${i} counts`, change({ ...counted, acknowledged }, i, { step, read: { row, known: server.known } })]
  }
}

/** RollbackDetector.restoring: the server may be killed after any step. */
function* restoring(state: State, protocol: RollbackProtocol): Iterable<[string, State]> {
  const { restorer, postgres, redis } = state
  if (!restorer) {
    for (const [i, { isRolledBack }] of state.servers.entries())
      if (isRolledBack && postgres.isRolledBack)
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
      isRolledBack: false,
      connectedTo: postgres.process,
      step: 'compare',
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
  } else if (postgres.isRolledBack && (restorer.process === postgres.process || !protocol.endsInClaim)) {
    const drawn = state.drawn + 1
    const position = Math.max(postgres.position, redis.newest) + LEAP
    yield [
      `server ${i} ends the rollback`,
      { ...state, drawn, postgres: { ...postgres, isRolledBack: false, position, nonce: `n${drawn}` }, restorer: null },
    ]
  } else {
    yield [`server ${i} loses its claim`, { ...state, restorer: null }]
  }
}

/** RollbackDetector.#compare, one round at a time. */
function compare(state: State, i: number, protocol: RollbackProtocol): State {
  const server = state.servers[i]
  if (!server?.read) return state
  const { row, known } = server.read
  const { nonces, newest: had } = state.redis
  const newest = Math.max(had, row.position)
  const witnessed = { newest, nonce: nonces[row.position] ?? row.nonce }
  const redis = row.isRolledBack ? state.redis : { newest, nonces: withNonce(nonces, row) }
  const verdict = row.isRolledBack ? 'rolled_back' : protocol.decideRollback(row, known, witnessed)
  const after = { ...state, redis }
  if (verdict === 'read_again') return change(after, i, { read: { row: state.postgres, known: newest } })
  if (verdict === 'rolled_back') {
    const isFalseAlarm = state.failOver !== 'rolled_back'
    // Unless a restore has ended the rollback meanwhile.
    const isRolledBack = state.postgres.isRolledBack || state.postgres.position < newest + LEAP / 2
    const noticed = {
      ...after,
      postgres: { ...state.postgres, isRolledBack },
      wrong: isFalseAlarm ? 'a false alarm' : null,
    }
    return change(noticed, i, { step: 'idle', after: 'idle', logout: 0, read: null, isRolledBack: true })
  }
  const isCurrent = row.process > 0 && row.process === state.postgres.process
  const isMissed = state.failOver === 'rolled_back' && isCurrent && row.logouts < state.acknowledged
  const compared = {
    ...after,
    wrong: isMissed ? `2: server ${i} takes a Postgres for intact that has lost a logout` : null,
  }
  const common = { read: null, isRolledBack: false, known: Math.max(server.known, newest) }
  if (server.after !== 'idle') return change(compared, i, { ...common, step: server.after, after: 'idle' })
  // Another Postgres answered than the one that took the commit: 503.
  const isCovered = !protocol.fences || server.committedTo === row.process
  return change({ ...compared, acknowledged: Math.max(state.acknowledged, isCovered ? server.logout : 0) }, i, {
    ...common,
    step: 'idle',
    logout: 0,
  })
}

function withNonce(nonces: State['redis']['nonces'], { position, nonce }: Position): State['redis']['nonces'] {
  return Array.from(
    { length: Math.max(nonces.length, position + 1) },
    (_, at) => nonces[at] ?? (at === position ? nonce : undefined),
  )
}

const change = (state: State, i: number, changes: Partial<Server>): State => ({
  ...state,
  servers: state.servers.map((server, j) => (j === i ? { ...server, ...changes } : server)),
})
