import type { Model } from './explore.ts'

/** What `advanceOnce` of replication/layered-family-store.ts does. */
export interface Redemption {
  /** Whether a redemption in Redis goes to Postgres as well, before it is answered. If not, it follows later. */
  asksPostgres: boolean
  /** Whether the rule decides again, by the state that a store answers before the redemption. */
  looksAgain: boolean
}

export const REDEMPTION: Redemption = { asksPostgres: true, looksAgain: true }

/** A request with the code, and how far it is. */
interface Request {
  server: number
  at: 'sent' | 'loaded' | 'inRedis' | 'pastRedis' | 'done'
}

interface Server {
  seesRedis: boolean
  /** Whether a redemption waits here to be written to Postgres. */
  waiting: boolean
}

interface State {
  /** Whether the code is redeemed, as each store has it. Redis may lack the family: null. */
  redis: boolean | null
  postgres: boolean
  isPostgresAway: boolean
  servers: readonly [Server, Server]
  requests: readonly Request[]
  successes: number
  faults: number
}

const MAX_REQUESTS = 3

/**
 * One code, two servers, and requests that present it: a client's, its retries, a thief's. Each access to a store is one step.
 * The fence is left out, so a server may go on with a Redis that lacks what another one wrote to Postgres.
 * @param faults how many stores may be lost, counting one that only one server loses.
 */
export function redemptionModel(protocol: Redemption, faults: number): Model<State> {
  const server: Server = { seesRedis: true, waiting: false }
  return {
    initial: {
      redis: false,
      postgres: false,
      isPostgresAway: false,
      servers: [server, server],
      requests: [],
      successes: 0,
      faults,
    },
    next: (state) => [...steps(state, protocol), ...background(state)],
    violation: ({ successes }) => (successes > 1 ? 'once: a code was redeemed twice' : null),
    keyOf: (state) => JSON.stringify(state),
  }
}

function* steps(state: State, protocol: Redemption): Iterable<[string, State]> {
  const { requests } = state
  if (requests.length < MAX_REQUESTS)
    for (const server of [0, 1])
      yield [`the code goes to ${server}`, { ...state, requests: [...requests, { server, at: 'sent' }] }]
  for (const [i, request] of requests.entries()) {
    const after = step(state, request, protocol)
    if (!after) continue
    const [name, changed, at] = after
    yield [`${i}: ${name}`, { ...changed, requests: requests.with(i, { ...request, at }) }]
  }
}

/** The next step of a request, the state after it and where the request then is; or null if it is done. */
function step(state: State, { server, at }: Request, protocol: Redemption): [string, State, Request['at']] | null {
  const { redis, postgres, isPostgresAway, servers, successes } = state
  const { seesRedis, waiting } = servers[server] ?? { seesRedis: false, waiting: false }
  const redeems = (changes: Partial<State>): [string, State, 'done'] => [
    'redeemed',
    { ...state, ...changes, successes: successes + 1 },
    'done',
  ]
  const known = redis ?? (isPostgresAway ? null : postgres || waiting)
  switch (at) {
    case 'sent': {
      const loaded = seesRedis ? known : isPostgresAway ? null : postgres || waiting
      if (loaded === null) return ['503', state, 'done']
      return loaded ? ['refused', state, 'done'] : ['loaded', state, 'loaded']
    }
    case 'loaded': {
      if (!seesRedis) return ['past Redis', state, 'pastRedis']
      if (known === null) return ['503', state, 'done']
      if (known && protocol.looksAgain) return ['refused', { ...state, redis: true }, 'done']
      return ['redeemed in Redis', { ...state, redis: true }, 'inRedis']
    }
    case 'inRedis':
      if (isPostgresAway || !protocol.asksPostgres)
        return redeems({ servers: withServer(servers, server, { waiting: true }) })
      return postgres && protocol.looksAgain ? ['refused', state, 'done'] : redeems({ postgres: true })
    case 'pastRedis':
      if (isPostgresAway) return ['503', state, 'done']
      return postgres && protocol.looksAgain ? ['refused', state, 'done'] : redeems({ postgres: true })
    case 'done':
      return null
  }
}

function* background(state: State): Iterable<[string, State]> {
  const { redis, isPostgresAway, servers } = state
  if (isPostgresAway) yield ['Postgres is back', { ...state, isPostgresAway: false }]
  for (const [i, { seesRedis, waiting }] of servers.entries()) {
    if (waiting && !isPostgresAway)
      yield [`${i} writes`, { ...state, postgres: true, servers: withServer(servers, i, { waiting: false }) }]
    if (!seesRedis) yield [`${i} sees Redis again`, { ...state, servers: withServer(servers, i, { seesRedis: true }) }]
  }
  if (state.faults === 0) return
  const after = { ...state, faults: state.faults - 1 }
  if (redis !== null) yield ['Redis is flushed', { ...after, redis: null }]
  if (redis) yield ['Redis is rolled back', { ...after, redis: false }]
  if (!isPostgresAway) yield ['Postgres is away', { ...after, isPostgresAway: true }]
  for (const [i, { seesRedis, waiting }] of servers.entries()) {
    if (seesRedis)
      yield [`${i} loses sight of Redis`, { ...after, servers: withServer(servers, i, { seesRedis: false }) }]
    if (waiting) yield [`${i} is killed`, { ...after, servers: withServer(servers, i, { waiting: false }) }]
  }
}

function withServer(servers: State['servers'], i: number, changes: Partial<Server>): State['servers'] {
  const [first, second] = servers
  return i === 0 ? [{ ...first, ...changes }, second] : [first, { ...second, ...changes }]
}
