import { expect } from 'vitest'
import {
  type Client,
  type ClientEvent,
  type ClientOptions,
  type Runtime,
  createClient,
  memoryStore,
} from '../src/index.ts'

export const CREDENTIALS = { username: 'ann', password: 'a long and quiet walk' }
export const BOB = { username: 'bob', password: 'a short and noisy ride' }
/** The URL of a service that may get the token. */
export const ME = 'https://api.example/api/me'

interface Asked {
  path: string
  body: Record<string, string>
  authorization: string | null
}

interface VirtualWorld {
  readonly requests: Asked[]
  /** The milliseconds of each sleep. */
  readonly slept: number[]
  /** The refresh tokens that were presented, in order. */
  readonly redeemed: (string | undefined)[]
  readonly runtime: Runtime
  answer: (request: Asked) => Response | Promise<Response>
  advance(milliseconds: number): void
  /** Moves the device's clock by this many milliseconds. No time passes. */
  setClock(byMs: number): void
}

/** Simulated time that passes in `sleep`, and an auth server and a service with given answers. */
function virtualWorld(): VirtualWorld {
  let now = 1_800_000_000_000
  let clockIsAheadMs = 0
  const requests: Asked[] = []
  const slept: number[] = []
  const world: VirtualWorld = {
    requests,
    slept,
    answer: successor,
    advance: (milliseconds) => void (now += milliseconds),
    setClock: (byMs) => void (clockIsAheadMs += byMs),
    get redeemed() {
      return requests.filter(({ path }) => path === '/auth/refresh').map(({ body }) => body['refresh_token'])
    },
    runtime: {
      now: () => now + clockIsAheadMs,
      monotonic: () => now - 1_799_999_000_000,
      async sleep(milliseconds) {
        slept.push(milliseconds)
        await turn()
        now += milliseconds
      },
      random: () => 0,
      async fetch(input, init) {
        const text = typeof init?.body === 'string' ? init.body : '{}'
        const request = {
          path: new URL(input as string | URL).pathname,
          body: JSON.parse(text) as Record<string, string>,
          authorization: new Headers(init?.headers).get('authorization'),
        }
        requests.push(request)
        await turn()
        return world.answer(request)
      },
      locks: undefined,
      channel: undefined,
      storage: () => expect.fail(),
    },
  }
  return world
}

/** Runs everything that needs no time. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

export const LIFETIME_MS = 900_000

export const tokens = (generation: number, session = 'session-1') =>
  Response.json({
    access_token: `access-${session}-${generation}`,
    refresh_token: `refresh-${session}-${generation}`,
    token_type: 'Bearer',
    expires_in: LIFETIME_MS / 1000,
    refresh_token_expires_in: 432_000,
    scope: 'reports:read',
    session_id: session,
  })

/** As on the real server, the same token gets the same successor. */
export function successor({ path, body }: Asked): Response {
  if (path === '/auth/login') return tokens(1, body['username'] === 'ann' ? 'session-1' : `session-${body['username']}`)
  if (path === '/auth/logout') return new Response(null, { status: 204 })
  if (path !== '/auth/refresh') return Response.json({ path })
  const [, session, generation] = /^refresh-(.+)-(\d+)$/.exec(body['refresh_token'] ?? '') ?? []
  return tokens(Number(generation) + 1, session)
}

export const refusal = (status: number, error: string, headers: Record<string, string> = {}) =>
  Response.json({ error, error_description: 'in words' }, { status, headers })

/** A client in a simulated world. `open` returns another one on the same store, as a second tab would be. */
export async function loggedIn(options: Partial<ClientOptions> = {}) {
  const world = virtualWorld()
  const store = options.store ?? memoryStore()
  const events: ClientEvent[] = []
  const open = (own: Partial<ClientOptions> = {}): Client =>
    createClient({
      authServer: 'https://auth.example/',
      resources: ['https://api.example'],
      store,
      onEvent: (event) => events.push(event),
      ...options,
      ...own,
      runtime: { ...world.runtime, ...options.runtime },
    })
  const client = open()
  await client.login(CREDENTIALS)
  return { world, store, events, client, open }
}
