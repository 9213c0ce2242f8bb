import type { SharedFence, RedisEpoch } from '../../src/rules/decide-fence.ts'
import type { FamilyState } from '../../src/rules/family.ts'

export interface Copy {
  /** -1 for a tombstone of a family that Redis does not know. */
  epoch: number
  marks: FamilyState
}

export interface Server {
  trust: RedisEpoch | null
  newestEpoch: number
  last: RedisEpoch | null
  /** Alone without a way to Redis. */
  isCut: boolean
  /** Still asks the master that a replica has replaced, and which does not know it yet. */
  isAtOld: boolean
  /** A look on its way: what it read. */
  looking: {
    shared: SharedFence | null
    runId: string | null
    isAfterEnd: boolean
    isAfterMark: boolean
    isDoubted: boolean
  } | null
  /** Has looked since the logout was acknowledged at another server: the bound on invariant 2. */
  hasLooked: boolean
  /** Has looked since a refresh was acknowledged past Redis: the same bound on its mark. */
  knowsMark: boolean
  refresh: {
    /** Read from Postgres, to be merged into Redis, and the epoch before that. */
    restores: Copy | null
    /** The logout was acknowledged before this began, and this server must know. */
    mustRefuse: boolean
  } | null
}

export interface State {
  redis: { isUp: boolean; process: number; copy: Copy | null }
  /** The process before it, after a fail-over. */
  old: { copy: Copy | null } | null
  snapshot: Copy | null
  postgres: { isUp: boolean; marks: FamilyState; row: SharedFence }
  servers: readonly Server[]
  logout: {
    stage: 'begin' | 'commit' | 'look' | 'again' | 'cover' | 'done'
    server: number
    epoch: number | null
    told: boolean
  }
  /** One server never reached Redis. A fault of Postgres is the second one, then: only a look that read the row tells. */
  isMisconfigured: boolean
  /** A refresh was acknowledged past Redis. */
  isMarked: boolean
  faults: number
  wrong: string | null
}

export const withServer = (state: State, i: number, changes: Partial<Server>): State => ({
  ...state,
  servers: state.servers.map((server, j) => (j === i ? { ...server, ...changes } : server)),
})
export const withRow = (state: State, row: SharedFence): State => ({ ...state, postgres: { ...state.postgres, row } })

/** Of the family, where this server asks. */
export const copyFor = ({ redis, old, servers }: State, i: number) =>
  old && servers[i]?.isAtOld ? old.copy : redis.copy
export const withCopy = (state: State, i: number, copy: Copy): State =>
  state.old && state.servers[i]?.isAtOld ? { ...state, old: { copy } } : { ...state, redis: { ...state.redis, copy } }
