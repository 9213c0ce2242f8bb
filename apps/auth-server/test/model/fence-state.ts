import type { SharedFence, RedisEpoch } from '../../src/rules/decide-fence.ts'
import type { FamilyState } from '../../src/rules/family.ts'

export interface Copy {
  /** -1 for a tombstone of a family that Redis does not know. */
  epoch: number
  family: FamilyState
}

export interface Server {
  current: RedisEpoch | null
  newestEpoch: number
  last: RedisEpoch | null
  /** This server alone cannot reach Redis. */
  isCut: boolean
  /** Still asks the master that a replica has replaced; that master does not know it yet. */
  isAtOld: boolean
  /** A poll on its way: what it read. */
  polling: {
    shared: SharedFence | null
    runId: string | null
    isAfterEnd: boolean
    isAfterUpdate: boolean
    isInvalidated: boolean
  } | null
  /** Has polled since the logout was acknowledged at another server: the bound on invariant 2. */
  hasPolled: boolean
  /** Has polled since a refresh was acknowledged without Redis: the same bound on its update. */
  knowsUpdate: boolean
  refresh: {
    /** A row that was read from Postgres, to be merged into Redis, and the epoch before that. */
    copiesIn: Copy | null
    /** The logout was acknowledged before this refresh began, and this server must know of it. */
    mustRefuse: boolean
  } | null
}

export interface State {
  redis: { isUp: boolean; process: number; copy: Copy | null }
  /** The process before it, after a fail-over. */
  old: { copy: Copy | null } | null
  snapshot: Copy | null
  postgres: { isUp: boolean; family: FamilyState; row: SharedFence }
  servers: readonly Server[]
  logout: {
    stage: 'begin' | 'commit' | 'poll' | 'again' | 'ensure' | 'done'
    server: number
    epoch: number | null
    isWritten: boolean
  }
  /** One server never reached Redis. Then a fault of Postgres is the second fault: only a poll that read the row counts. */
  isMisconfigured: boolean
  /** A refresh was acknowledged without Redis. */
  isUpdated: boolean
  faults: number
  wrong: string | null
}

export const withServer = (state: State, i: number, changes: Partial<Server>): State => ({
  ...state,
  servers: state.servers.map((server, j) => (j === i ? { ...server, ...changes } : server)),
})
export const withRow = (state: State, row: SharedFence): State => ({ ...state, postgres: { ...state.postgres, row } })

/** The copy of the family in the Redis that this server asks. */
export const copyFor = ({ redis, old, servers }: State, i: number) =>
  old && servers[i]?.isAtOld ? old.copy : redis.copy
export const withCopy = (state: State, i: number, copy: Copy): State =>
  state.old && state.servers[i]?.isAtOld ? { ...state, old: { copy } } : { ...state, redis: { ...state.redis, copy } }
