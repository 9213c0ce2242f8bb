// Many verifiers on a thread of their own. Each has keys, lists, timers and connections of its own, as in a replica.
import { parentPort, workerData } from 'node:worker_threads'
import { type Verifier, createVerifier } from '@heirloom/verifier'

export interface VerifiersOptions {
  count: number
  issuer: string
  authUrl: string
  waitSeconds: number
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

const { count, issuer, authUrl, waitSeconds } = workerData as VerifiersOptions
const port = parentPort ?? process.exit(1)
let delaysMs: number[] = []
let [fetches, bytes] = [0, 0]

/** Counts what the auth servers send, without headers. */
const countingFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  const url = input instanceof Request ? input.url : input.toString()
  if (url.includes('/status/')) {
    fetches++
    bytes += Number(response.headers.get('content-length') ?? 0)
  }
  return response
}

interface Replica {
  verifier: Verifier
  changedAt: number
  /** Tokens that it must refuse, and when the ends of their sessions were acknowledged. */
  awaited: Map<string, number>
}

const now = () => performance.timeOrigin + performance.now()

const replicas: Replica[] = Array.from({ length: count }, () => {
  const verifier = createVerifier({
    issuer,
    jwksUri: `${authUrl}/.well-known/jwks.json`,
    audience: 'resource-api',
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    timeoutMs: 30_000,
    status: {
      mode: 'closed',
      baseUrl: authUrl,
      waitSeconds,
      onEvent: ({ type }) => {
        if (type === 'list_changed') tryAwaited(replica)
      },
    },
    runtime: { now: Date.now, random: Math.random, setTimer, fetch: countingFetch },
  })
  const replica: Replica = { verifier, changedAt: 0, awaited: new Map() }
  return replica
})

function setTimer(callback: () => void, milliseconds: number): () => void {
  const timer = setTimeout(callback, milliseconds)
  return () => clearTimeout(timer)
}

/** A verifier changes its mind only when its list changes. */
function tryAwaited(replica: Replica): void {
  replica.changedAt = now()
  for (const [token, endedAt] of replica.awaited) {
    if (!isRefused(replica, token)) continue
    replica.awaited.delete(token)
    delaysMs.push(replica.changedAt - endedAt)
  }
}

function isRefused({ verifier }: Replica, token: string): boolean {
  const verdict = verifier.verify(token)
  return !(verdict instanceof Promise) && !verdict.ok
}

async function accept(token: string): Promise<void> {
  await Promise.all(
    replicas.map(async ({ verifier }) => {
      await verifier.ready()
      while (!(await verifier.verify(token)).ok) await new Promise((resolve) => setTimeout(resolve, 100))
    }),
  )
}

async function follow(order: VerifiersOrder): Promise<void> {
  if (order.do === 'accept') await accept(order.token)
  if (order.do === 'count') [fetches, bytes, delaysMs] = [0, 0, []]
  if (order.do === 'refuse') {
    for (const replica of replicas) {
      // The list may have come before this order.
      if (isRefused(replica, order.token)) delaysMs.push(Math.max(0, replica.changedAt - order.at))
      else replica.awaited.set(order.token, order.at)
    }
    return
  }
  const left = replicas.reduce((sum, { awaited }) => sum + awaited.size, 0)
  port.postMessage({ delaysMs: order.do === 'report' ? delaysMs : [], left, fetches, bytes } satisfies VerifiersReport)
}

port.on('message', (order: VerifiersOrder) => void follow(order))
