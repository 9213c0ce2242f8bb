// Many verifiers on a thread of their own.
import { parentPort, workerData } from 'node:worker_threads'
import { type ListFollower, lightFollowers, wholeVerifier } from './list-followers.ts'

export interface VerifiersOptions {
  count: number
  issuer: string
  authUrl: string
  waitSeconds: number
  /** They share what they read, and check no signature. */
  isLight: boolean
}

export type VerifiersOrder =
  /** Answers once each verifier accepts the token, and so has its list. */
  | { do: 'accept'; token: string }
  | { do: 'count' }
  /** `at`: when the end of its session was acknowledged, in milliseconds since 1970. */
  | { do: 'refuse'; token: string; at: number }
  | { do: 'report' }

export interface VerifiersReport {
  /** Milliseconds from the acknowledged end of a session until a verifier refused its token, for each of both. */
  delaysMs: number[]
  /** Tokens that some verifier still accepts. */
  left: number
  fetches: number
  bytes: number
}

const { count, isLight, ...options } = workerData as VerifiersOptions
const port = parentPort ?? process.exit(1)
let delaysMs: number[] = []
let [fetches, bytes] = [0, 0]

interface Replica {
  follower: ListFollower
  changedAt: number
  /** Tokens that it must refuse, and when the ends of their sessions were acknowledged. */
  awaited: Map<string, number>
}

const now = () => performance.timeOrigin + performance.now()

const makeFollower = isLight ? lightFollowers({ authUrl: options.authUrl, count }) : wholeVerifier

const replicas: Replica[] = Array.from({ length: count }, () => {
  const follower = makeFollower({
    ...options,
    onChange: () => tryAwaited(replica),
    onAnswer(length) {
      fetches++
      bytes += length
    },
  })
  const replica: Replica = { follower, changedAt: 0, awaited: new Map() }
  return replica
})

/** A verifier changes its mind only when its list changes. */
function tryAwaited(replica: Replica): void {
  replica.changedAt = now()
  for (const [token, endedAt] of replica.awaited) {
    if (!replica.follower.refuses(token)) continue
    replica.awaited.delete(token)
    delaysMs.push(replica.changedAt - endedAt)
  }
}

async function follow(order: VerifiersOrder): Promise<void> {
  if (order.do === 'accept') await Promise.all(replicas.map(({ follower }) => follower.accept(order.token)))
  if (order.do === 'count') [fetches, bytes, delaysMs] = [0, 0, []]
  if (order.do === 'refuse') {
    for (const replica of replicas) {
      // The list may have come before this order.
      if (replica.follower.refuses(order.token)) delaysMs.push(Math.max(0, replica.changedAt - order.at))
      else replica.awaited.set(order.token, order.at)
    }
    return
  }
  const left = replicas.reduce((sum, { awaited }) => sum + awaited.size, 0)
  port.postMessage({ delaysMs: order.do === 'report' ? delaysMs : [], left, fetches, bytes } satisfies VerifiersReport)
}

port.on('message', (order: VerifiersOrder) => void follow(order))
