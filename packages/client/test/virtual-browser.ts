import { orAborted } from '../src/or-aborted.ts'
import {
  type Channel,
  type Client,
  type ClientEvent,
  type ClientOptions,
  type Locks,
  createClient,
} from '../src/index.ts'

export const LIFETIME_SECONDS = 900

export const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

/** Reproducible random numbers from 0 to 1. */
export function chanceFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Web Locks, as far as the client uses them. */
export function tabLocks(): Locks {
  const last = new Map<string, Promise<unknown>>()
  return {
    async request<T>(name: string, { signal }: { signal: AbortSignal }, work: () => Promise<T>) {
      const before = last.get(name) ?? Promise.resolve()
      const mine = before.then(() => (signal.aborted ? Promise.reject(signal.reason as Error) : work()))
      last.set(
        name,
        mine.catch(() => undefined),
      )
      return Promise.race([
        mine,
        new Promise<never>((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        ),
      ])
    },
  }
}

interface Peer extends Channel {
  /** How much longer its messages take. */
  lagMs: number
  hear(message: unknown): void
}

interface Asked {
  path: string
  body: Record<string, string>
  credentials: string | undefined
}

/**
 * What happens to a request to the auth server. By default it is answered. `lost within`: the headers come, with the cookie, and
 * then the connection breaks. `lateMs`: the server answers at once, and the answer comes this much later.
 */
export type Fate = 'lost before' | 'lost after' | 'lost within' | { lateMs: number } | Response | undefined

/**
 * One browser: a cookie for all tabs, locks, channels, and a storage. And an auth server, with the rule of reuse at its strictest:
 * only the newest redeemed token may come again. Time is that of the fake timers.
 */
export function virtualBrowser({ netMs = 10, channelMs = 1, chance = (): number => 1 } = {}) {
  /** The refresh token in the cookie: session/generation. */
  const browser = { cookie: null as string | null, fate: (() => undefined) as (asked: Asked) => Fate }
  const asked: Asked[] = []
  const sent: { authorization: string | null; call: string | null }[] = []
  /** The highest redeemed generation of each session that is alive. */
  const alive = new Map<string, number>()
  const reused: string[] = []
  /** The last session of each user. */
  const issued = new Map<string, string>()
  const messages: unknown[] = []
  const stored = new Map<string, string>()
  const open = new Map<string, Set<Peer>>()
  let serial = 0

  const answer = (status: number, body: object | null, cookie?: string | null) => ({ status, body, cookie })
  const tokens = (session: string, generation: number) =>
    answer(
      200,
      {
        access_token: `${session}.${generation}.${++serial}`,
        token_type: 'Bearer',
        expires_in: LIFETIME_SECONDS,
        scope: '',
        session_id: session,
      },
      `${session}/${generation}`,
    )

  function decide({ path, body }: Asked, cookie: string | null) {
    if (path === '/auth/login') {
      const session = `${body['username']}-${++serial}`
      alive.set(session, 0)
      issued.set(body['username'] ?? '', session)
      return tokens(session, 1)
    }
    if (cookie === null) return answer(400, { error: 'invalid_request' })
    const [session = '', text] = cookie.split('/')
    const [generation, redeemed] = [Number(text), alive.get(session)]
    if (path === '/auth/logout') {
      alive.delete(session)
      return answer(204, null, null)
    }
    if (redeemed === undefined) return answer(400, { error: 'invalid_grant' })
    if (generation < redeemed) {
      reused.push(cookie)
      alive.delete(session)
      return answer(400, { error: 'invalid_grant' })
    }
    alive.set(session, generation)
    return tokens(session, generation + 1)
  }

  async function fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input as string | URL)
    if (url.host !== 'auth.example') {
      const headers = new Headers(init.headers)
      sent.push({ authorization: headers.get('authorization'), call: headers.get('x-call') })
      await pause(netMs * chance())
      const session = headers.get('authorization')?.slice('Bearer '.length).split('.')[0] ?? ''
      return alive.has(session) ? Response.json({}) : Response.json({ error: 'invalid_token' }, { status: 401 })
    }
    const request = {
      path: url.pathname,
      body: JSON.parse(init.body as string) as Record<string, string>,
      credentials: init.credentials,
    }
    asked.push(request)
    return orAborted(pass(request, init.signal), init.signal)
  }

  async function pass(request: Asked, signal: AbortSignal | null | undefined): Promise<Response> {
    const fate = browser.fate(request)
    // A preflight, if there is one, comes first.
    await pause(netMs * chance())
    if (fate === 'lost before' || signal?.aborted) throw new TypeError('Failed to fetch')
    const { cookie } = browser
    await pause(netMs * chance())
    if (fate instanceof Response) return fate
    const { status, body, cookie: set } = decide(request, cookie)
    await pause(netMs * chance() + (typeof fate === 'object' ? fate.lateMs : 0))
    // The answer did not come, or not in time, and neither did its cookie.
    if (fate === 'lost after' || signal?.aborted) throw new TypeError('Failed to fetch')
    if (set !== undefined) browser.cookie = set
    if (fate === 'lost within') throw new TypeError('Failed to fetch')
    return body === null ? new Response(null, { status }) : Response.json(body, { status })
  }

  function channel(name: string): Peer {
    const peers = open.get(name) ?? new Set()
    open.set(name, peers)
    const own: Peer = {
      lagMs: 0,
      hear: () => {},
      addEventListener: (_type, listener) => void (own.hear = (data) => listener({ data })),
      postMessage(message) {
        if (!peers.has(own)) return
        messages.push(message)
        for (const peer of peers)
          if (peer !== own) setTimeout(() => peers.has(peer) && peer.hear(message), channelMs * chance() + own.lagMs)
      },
    }
    peers.add(own)
    return own
  }

  const locks = tabLocks()
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  }

  /** Opens a page. `close` takes it out of the browser: it hears, says and asks nothing more, and gets no answer. */
  function tab(options: Partial<ClientOptions> = {}): Tab {
    const events: ClientEvent[] = []
    const page = new AbortController()
    const fetchInPage = async (input: string | URL | Request, init: RequestInit = {}) => {
      const signal = AbortSignal.any([page.signal, init.signal ?? page.signal])
      signal.throwIfAborted()
      return fetch(input, { ...init, signal })
    }
    let mine: Peer | undefined
    const client = createClient({
      authServer: 'https://auth.example',
      resources: ['https://api.example'],
      delivery: 'cookie',
      onEvent: (event) => events.push(event),
      ...options,
      runtime: {
        now: () => Date.now(),
        fetch: fetchInPage,
        locks,
        channel: (name) => (mine = channel(name)),
        storage: () => storage,
        random: Math.random,
        ...options.runtime,
      },
    })
    const close = () => {
      page.abort()
      open.forEach((peers) => mine && peers.delete(mine))
    }
    const lag = (ms: number) => mine && (mine.lagMs = ms)
    return { client, events, close, lag }
  }

  return Object.assign(browser, {
    tab,
    locks,
    asked,
    sent,
    alive,
    reused,
    issued,
    messages,
    stored,
    /** The paths that the auth server was asked for. */
    paths: () => asked.map(({ path }) => path.slice('/auth/'.length)),
  })
}

export interface Tab {
  client: Client
  events: ClientEvent[]
  close(): void
  /** Makes what it tells the other tabs take longer. */
  lag(ms: number): void
}
