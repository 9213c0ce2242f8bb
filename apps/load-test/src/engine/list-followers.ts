import { gunzipSync, inflateSync } from 'node:zlib'
import { createVerifier } from '@heirloom/verifier'
import { Servers } from './servers.ts'

/** Follows the status list of one auth server, as a replica of a resource service does. */
export interface ListFollower {
  /** Returns when it has a list, and accepts the token. */
  accept(token: string): Promise<void>
  /** By the list that it has now. */
  refuses(token: string): boolean
}

export interface FollowerOptions {
  issuer: string
  authUrl: string
  /** 0: it polls. */
  waitSeconds: number
  onChange: () => void
  /** For each answer, with the bytes of its body. */
  onAnswer: (bytes: number) => void
}

const RETRY_MS = 100

/** The verifier of a resource service, with keys, list, timers and connections of its own. */
export function wholeVerifier({ issuer, authUrl, waitSeconds, onChange, onAnswer }: FollowerOptions): ListFollower {
  const countingFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    const url = input instanceof Request ? input.url : input.toString()
    if (url.includes('/status/')) onAnswer(Number(response.headers.get('content-length') ?? 0))
    return response
  }
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
      onEvent: ({ type }) => type === 'list_changed' && onChange(),
    },
    runtime: { now: Date.now, random: Math.random, setTimer, fetch: countingFetch },
  })
  return {
    async accept(token) {
      await verifier.ready()
      while (!(await verifier.verify(token)).ok) await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    },
    refuses(token) {
      const verdict = verifier.verify(token)
      return !(verdict instanceof Promise) && !verdict.ok
    },
  }
}

function setTimer(callback: () => void, milliseconds: number): () => void {
  const timer = setTimeout(callback, milliseconds)
  return () => clearTimeout(timer)
}

/** The servers give an answer up after 10 s. */
const LIGHT_WAITS_SECONDS = 8
/** Copies of the last lists. */
const MAX_COPIES = 4

/**
 * Makes followers that ask when a verifier would, each on a connection of its own. They share what they read and check no
 * signature, because a machine that plays a thousand replicas has no core for each.
 */
export function lightFollowers({ authUrl, count }: { authUrl: string; count: number }) {
  const servers = new Servers([authUrl], count)
  const copies = new Map<string, { ttlMs: number; bits: Uint8Array }>()

  function read(etag: string, body: Buffer) {
    const known = copies.get(etag)
    if (known) return known
    const claims = claimsOf(gunzipSync(body).toString()) as { ttl: number; status_list: { lst: string } }
    const copy = { ttlMs: claims.ttl * 1_000, bits: inflateSync(Buffer.from(claims.status_list.lst, 'base64url')) }
    copies.set(etag, copy)
    const [oldest] = copies.keys()
    if (copies.size > MAX_COPIES && oldest !== undefined) copies.delete(oldest)
    return copy
  }

  return ({ waitSeconds, onChange, onAnswer }: FollowerOptions): ListFollower => {
    let etag = ''
    let copy: ReturnType<typeof read> | null = null
    const first = Promise.withResolvers<void>()
    const ask = async () => {
      const began = performance.now()
      const answer = await servers.send({
        method: 'GET',
        path: '/status/0',
        headers: {
          accept: 'application/statuslist+jwt',
          'accept-encoding': 'gzip',
          ...(etag && { 'if-none-match': etag }),
          ...(etag && waitSeconds > 0 && { prefer: `wait=${LIGHT_WAITS_SECONDS}` }),
        },
      })
      const body = Buffer.from(answer.body, 'latin1')
      onAnswer(body.length)
      const isFirst = copy === null
      if (answer.status === 200) {
        etag = String(answer.headers['etag'])
        copy = read(etag, body)
        first.resolve()
        onChange()
      }
      // As remote/remote-document.ts of the verifier does.
      const pauseMs =
        waitSeconds > 0
          ? began + 1_000 * (1 - Math.random() / 2) - performance.now()
          : (copy?.ttlMs ?? RETRY_MS) * (1 - Math.random() * (isFirst ? 0.9 : 0.01))
      setTimeout(() => void ask(), Math.max(0, pauseMs))
    }
    void ask()
    const isSet = (bits: Uint8Array, index: number) => (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1
    return {
      accept: () => first.promise,
      refuses: (token) => copy !== null && isSet(copy.bits, indexOf(token)),
    }
  }
}

const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as unknown

const indexes = new Map<string, number>()

function indexOf(token: string): number {
  const known = indexes.get(token)
  if (known !== undefined) return known
  const { status } = claimsOf(token) as { status: { status_list: { idx: number } } }
  indexes.set(token, status.status_list.idx)
  return status.status_list.idx
}
