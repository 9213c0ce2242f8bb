import { askAuthServer } from './auth-server.ts'
import { ClientError } from './client-error.ts'
import type { ClientEvent } from './client-event.ts'
import { isInvalidToken } from './invalid-token.ts'
import { Pace } from './pace.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import { readTokenResponse } from './session.ts'
import { type SessionStore, memoryStore } from './session-store.ts'
import { TokenKeeper } from './token-keeper.ts'

export interface ClientOptions {
  /** The base URL of the auth server. */
  authServer: string | URL
  /** Origins of the services that may see the access token, such as `https://api.example`. */
  resources: readonly (string | URL)[]
  /** As the auth server knows this application. Default: the server's first one. */
  clientId?: string
  /** Where the session is kept. Default: in memory. */
  store?: SessionStore
  /** Of one request to the auth server, whole. Default: 4,000. */
  timeoutMs?: number
  /** How long one refresh goes on trying. Default: 20,000. */
  retryForMs?: number
  /** What it throws goes nowhere. */
  onEvent?: (event: ClientEvent) => void
  runtime?: Partial<Runtime>
}

export interface Credentials {
  username: string
  password: string
  /** Default: all that the user has. */
  scope?: string
  /** What the user knows this device by, in the list of sessions. */
  device?: string
}

export interface Client {
  /**
   * Opens a session, in the place of the one that is in the store.
   *
   * @throws ClientError `invalid_credentials`, `too_many_attempts`, `login_refused`, `unavailable`, `storage_failed`
   */
  login(credentials: Credentials): Promise<void>

  /**
   * `fetch` with the access token. Where the service refuses the token, it is refreshed and the request sent again, once.
   * Rejects as `fetch` does, and:
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `unavailable`, `storage_failed`, `address_not_allowed`
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>

  /**
   * For requests that `fetch` cannot make: a WebSocket, a stream of events.
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `unavailable`, `storage_failed`
   */
  accessToken(options?: { signal?: AbortSignal }): Promise<string>

  /** Whether there is a session in the store. It may have been ended elsewhere. @throws ClientError `storage_failed` */
  isLoggedIn(): Promise<boolean>

  /**
   * Forgets the session at once, then tells the auth server. `serverTold` is false where that could not be done: the
   * session then lives on there until it ends by itself.
   *
   * @throws ClientError `storage_failed`, when the server has been told
   */
  logout(): Promise<{ serverTold: boolean }>
}

/**
 * Two retries of a refresh whose answer never came then fall within the server's grace period (10 s), in which any number of
 * them is in order.
 */
const TIMEOUT_MS = 4_000

/** So new a token is not refused for its age, and a newer one would fare no better. */
const YOUNG_MS = 10_000

/** Somebody who leaves does not wait long. */
const [LOGOUT_TRIES, LOGOUT_WAIT_MS] = [3, 3_000]

/** @throws TypeError for an address that is none. */
export function createClient(options: ClientOptions): Client {
  const { clientId, store = memoryStore(), timeoutMs = TIMEOUT_MS, retryForMs = 20_000 } = options
  const { authServer, resources } = options
  const runtime = { ...systemRuntime, ...options.runtime }
  const onEvent = (event: ClientEvent) => {
    try {
      options.onEvent?.(event)
    } catch {
      // A listener's fault must not stand for the outcome of a call.
    }
  }
  const base = new URL(authServer).href.replace(/\/$/, '')
  const origins = new Set(resources.map((resource) => new URL(resource).origin))
  const ask = (path: string, body: object) => askAuthServer(runtime, `${base}/auth/${path}`, body, timeoutMs)
  const url = `${base}/auth/refresh`
  const keeper = new TokenKeeper({ runtime, store, url, clientId, timeoutMs, retryForMs, onEvent })

  return {
    async login({ username, password, scope, device }) {
      const askedAt = runtime.now()
      const { status, body, retryAfterMs } = await ask('login', {
        username,
        password,
        scope,
        device,
        client_id: clientId,
      })
      if (status === 401) throw new ClientError('invalid_credentials', 'The user name or the password is wrong.')
      if (status === 429) throw new ClientError('too_many_attempts', 'Too many attempts to log in.', retryAfterMs)
      if (status === 400) {
        throw new ClientError('login_refused', `The auth server does not take this login: ${errorCode(body)}.`)
      }
      const session = status === 200 ? readTokenResponse(body, askedAt) : null
      if (session === null) throw new ClientError('unavailable', 'The auth server could not be asked.', retryAfterMs)
      await keeper.save(session)
      onEvent({ type: 'logged_in' })
    },

    async fetch(target, init = {}) {
      const address = new URL(target, (globalThis as { location?: { href: string } }).location?.href)
      if (!origins.has(address.origin)) {
        throw new ClientError('address_not_allowed', `${address.origin} is not among the resources of this client.`)
      }
      const send = async (accessToken: string) => {
        const headers = new Headers(init.headers)
        headers.set('authorization', `Bearer ${accessToken}`)
        return runtime.fetch(address, { ...init, headers })
      }
      const signal = init.signal ?? undefined
      const session = await orAborted(keeper.session(), signal)
      const response = await send(session.accessToken)
      const isWorthwhile = runtime.now() - session.receivedAt >= YOUNG_MS
      if (!isWorthwhile || !canBeSentAgain(init.body) || !(await isInvalidToken(response))) return response
      // Nobody reads it any more.
      response.body?.cancel().catch(() => undefined)
      const renewed = await orAborted(keeper.renew(session.accessToken), signal)
      return send(renewed.accessToken)
    },

    async accessToken({ signal } = {}) {
      return (await orAborted(keeper.session(), signal)).accessToken
    },

    async isLoggedIn() {
      return (await keeper.load()) !== null
    },

    async logout() {
      const session = await keeper.load().catch(async (error: unknown) => {
        await keeper.clear()
        throw error
      })
      if (session === null) return { serverTold: true }
      const cleared = keeper.clear()
      const [serverTold] = await Promise.all([
        tellLogout(session.refreshToken),
        // That it failed is told when the server knows.
        cleared.catch(() => undefined),
      ])
      await cleared
      onEvent({ type: 'session_ended', reason: 'logged_out' })
      return { serverTold }
    },
  }

  async function tellLogout(refreshToken: string): Promise<boolean> {
    const pace = new Pace()
    for (let tries = 0; tries < LOGOUT_TRIES; tries++) {
      const waitMs = pace.waitMs(runtime.now())
      if (waitMs > LOGOUT_WAIT_MS) return false
      await runtime.sleep(waitMs)
      const { status, retryAfterMs } = await ask('logout', { refresh_token: refreshToken })
      if (status === 204) return true
      pace.failed(runtime.now(), retryAfterMs, runtime.random())
    }
    return false
  }
}

/** The server's stable code and no more. */
const errorCode = ({ error }: Record<string, unknown>) =>
  typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'no reason given'

/** What is a stream is gone once it was sent. */
const canBeSentAgain = (body: unknown) =>
  typeof body !== 'object' || body === null || !(body instanceof ReadableStream || Symbol.asyncIterator in body)

/** Lets one caller go, and what others wait for as well goes on. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  work.catch(() => undefined)
  signal.throwIfAborted()
  let leave = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason as Error)
    signal.addEventListener('abort', leave)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
