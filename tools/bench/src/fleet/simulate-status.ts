import { type Verifier, createVerifier, localKeySet } from '@heirloom/verifier'
import { StatusEndpoint, signed, statusJwk } from './status-endpoint.ts'
import { STATUS_STORY } from './status-story.ts'
import { VirtualTime } from './virtual-time.ts'

const ISSUER = 'https://auth.example'
const AUDIENCE = 'resource-api'
const URI = `${ISSUER}/status/0`
/** The clock of the simulation starts at 0, which is before any token. */
const claims = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'user',
  client_id: 'web',
  sid: 'session',
  jti: 'token',
  iat: 0,
  exp: 100_000,
  auth_time: 0,
  scope: 'reports:read',
  roles: ['user'],
}

export interface StatusOutcome {
  /** Requests for the list, and bytes of the answers, of the whole fleet per second of the scenario. */
  requests: Uint32Array
  bytes: Float64Array
  /** Milliseconds from the logout until each replica refused the token. */
  noticedMs: number[]
}

/** Time whose work includes inflating lists, which Node does on other threads. */
class TimeWithThreads extends VirtualTime {
  pending = 0

  override async settle(): Promise<void> {
    do await super.settle()
    while (this.pending > 0)
  }
}

/** Runs a fleet of the real verifier through the scenario. */
export async function simulateStatus(replicas: number): Promise<StatusOutcome> {
  const time = new TimeWithThreads()
  const requests = new Uint32Array(STATUS_STORY.end + 1)
  const bytes = new Float64Array(STATUS_STORY.end + 1)
  const endpoint = new StatusEndpoint(URI, time.now, (second, length) => {
    requests[second] = (requests[second] ?? 0) + 1
    bytes[second] = (bytes[second] ?? 0) + length
  })
  const fetch: typeof globalThis.fetch = async (...request) => {
    time.pending++
    return endpoint.fetch(...request)
  }
  const { now, setTimer, random } = time
  const token = signed('at+jwt', { ...claims, status: { status_list: { idx: 0, uri: URI } } })
  const verifiers: Verifier[] = []
  const start = (replica: number) => {
    verifiers[replica]?.close()
    const verifier = createVerifier({
      issuer: ISSUER,
      audience: AUDIENCE,
      keys: localKeySet([statusJwk]),
      runtime: { now, setTimer, random, fetch },
      status: { mode: 'open', onEvent: ({ type }) => void (type !== 'list_expired' && time.pending--) },
    })
    verifiers[replica] = verifier
    // Its first request.
    void verifier.verify(token)
  }

  const noticedMs: number[] = []
  const { deployedBy, restart, replacedWithin, logout, end } = STATUS_STORY
  /** Starts the replicas whose turn comes in this second. */
  const startSome = (second: number, from: number, seconds: number) => {
    const first = Math.ceil(((second - from) / seconds) * replicas)
    const last = Math.ceil(((second - from + 1) / seconds) * replicas)
    for (let replica = first; replica < Math.min(last, replicas); replica++) start(replica)
  }
  for (let second = 0; second < end; second++) {
    if (second < deployedBy) startSome(second, 0, deployedBy)
    if (second >= restart.from && second < restart.from + replacedWithin)
      startSome(second, restart.from, replacedWithin)
    await time.settle()
    if (second < logout || noticedMs.length === replicas) {
      await time.advance(1_000)
      continue
    }
    for (let step = 0; step < 10; step++) {
      await time.advance(100)
      // A replica that noticed keeps refusing, so the number of those that refuse grows.
      let noticed = 0
      for (const verifier of verifiers) {
        const verdict = verifier.verify(token)
        if (!(verdict instanceof Promise) && !verdict.ok) noticed++
      }
      while (noticedMs.length < noticed) noticedMs.push(now() - logout * 1000)
    }
  }
  for (const verifier of verifiers) verifier.close()
  return { requests, bytes, noticedMs }
}
