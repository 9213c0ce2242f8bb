import { askAuthServer } from './auth-server.ts'
import { discard, isRedirect } from './body.ts'
import { ClientError } from './client-error.ts'
import type { ClientEvent } from './client-event.ts'
import { isInvalidToken } from './invalid-token.ts'
import { checkMs, originOf, readBase, readOrigin } from './options.ts'
import { readLogin } from './read-login.ts'
import { orAborted } from './or-aborted.ts'
import { Pace } from './pace.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import type { Session } from './session.ts'
import { SessionKeeper } from './session-keeper.ts'
import { type SessionStore, memoryStore } from './session-store.ts'
import { TokenKeeper } from './token-keeper.ts'

export interface ClientOptions {
  /** The base URL of the auth server, without query and fragment. */
  authServer: string | URL
  /** Origins of the services that may see the access token, of http or https, such as `https://api.example`. */
  resources: readonly (string | URL)[]
  /** As the auth server knows this application. Default: the server's first one. */
  clientId?: string
  /** Where the session is kept. Default: in memory. */
  store?: SessionStore
  /** Of one request to the auth server, with its answer; no service's 401 is read for longer, either. Default: 4,000. */
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

/**
 * A client keeps to one session: that of its login, or the one that it found in the store at its first use, until its next
 * `login` or `logout`. A call that began under one session never goes out under another: it fails with `session_changed`.
 *
 * Each call also throws `storage_failed`; each that may refresh, which are `fetch` and `accessToken`, `unavailable` and
 * `misconfigured`.
 */
export interface Client {
  /**
   * Opens a session, in the place of the one that is in the store. Of two at once, the one that was begun last counts.
   *
   * @throws ClientError `invalid_credentials`, `too_many_attempts`, `login_refused`, `session_changed` (another login or a logout
   * was begun meanwhile), `unavailable`, `misconfigured`
   */
  login(credentials: Credentials): Promise<void>

  /**
   * `fetch` with the access token. If the service refuses the token, it is refreshed and the request sent again, once. A
   * redirect is not followed, unless `init.redirect` says so. Rejects as `fetch` does, and:
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `address_not_allowed`, `redirected`
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>

  /**
   * For requests that `fetch` cannot make: a WebSocket, a stream of events.
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `session_changed`
   */
  accessToken(options?: { signal?: AbortSignal }): Promise<string>

  /** Whether this client's session is in the store. It may have been ended elsewhere. */
  isLoggedIn(): Promise<boolean>

  /**
   * Forgets the session at once, and tells the auth server. `serverTold` is false if that could not be done: the session
   * then lives on there until it ends by itself. Another session that is in the store by now stays there.
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

/** @throws TypeError for an address that is none, or none of http or https, and for a time that no timer can wait. */
export function createClient(options: ClientOptions): Client {
  const { clientId, store = memoryStore(), timeoutMs = TIMEOUT_MS, retryForMs = 20_000 } = options
  checkMs('timeoutMs', timeoutMs, 1)
  checkMs('retryForMs', retryForMs, 0)
  const base = readBase(options.authServer)
  const origins = new Set(options.resources.map(readOrigin))
  const runtime = { ...systemRuntime, ...options.runtime }
  const onEvent = (event: ClientEvent) => {
    try {
      options.onEvent?.(event)
    } catch {
      // A listener's fault must not stand for the outcome of a call.
    }
  }
  const ask = (path: string, body: object) => askAuthServer(runtime, `${base}/auth/${path}`, body, timeoutMs)
  const sessions = new SessionKeeper(store, runtime, onEvent)
  const url = `${base}/auth/refresh`
  const { lockName } = store
  const tokens = new TokenKeeper({ runtime, sessions, url, clientId, lockName, timeoutMs, retryForMs, onEvent })

  return {
    async login(credentials) {
      const turn = sessions.nextTurn()
      const askedAt = runtime.now()
      const session = readLogin(`${base}/auth/login`, await ask('login', asFields(credentials, clientId)), askedAt)
      try {
        await sessions.enter(session, turn)
      } catch (error) {
        // Nobody has its tokens.
        tellLogout(session).catch(() => undefined)
        throw error
      }
      onEvent({ type: 'logged_in' })
    },

    async fetch(target, init = {}) {
      const { own } = sessions
      const address = new URL(target, (globalThis as { location?: { href: string } }).location?.href)
      const origin = originOf(address)
      if (origin === null || !origins.has(origin)) {
        const who = origin ?? `An address of ${address.protocol}`
        throw new ClientError('address_not_allowed', `${who} is not among the resources of this client.`)
      }
      const headers = new Headers(init.headers)
      const send = async ({ accessToken }: Session) => {
        headers.set('authorization', `Bearer ${accessToken}`)
        const response = await runtime.fetch(address, { ...init, headers, redirect: init.redirect ?? 'manual' })
        if (init.redirect !== undefined || !isRedirect(response)) return response
        discard(response)
        throw new ClientError('redirected', `${origin} answered with a redirect, which may lead the token elsewhere.`)
      }
      const session = await orAborted(tokens.session(own), init.signal)
      const response = await send(session)
      const age = sessions.ageOf(session)
      if ((age >= 0 && age < YOUNG_MS) || !canBeSentAgain(init.body)) return response
      if (!(await isInvalidToken(response, timeoutMs))) return response
      discard(response)
      return send(await orAborted(tokens.renew(own, session.accessToken), init.signal))
    },

    async accessToken({ signal } = {}) {
      return (await orAborted(tokens.session(sessions.own), signal)).accessToken
    },

    async isLoggedIn() {
      try {
        await sessions.read(sessions.own)
        return true
      } catch (error) {
        if (error instanceof ClientError && error.code === 'storage_failed') throw error
        return false
      }
    },

    async logout() {
      return { serverTold: await sessions.leave(tellLogout) }
    },
  }

  async function tellLogout({ refreshToken }: Session): Promise<boolean> {
    const pace = new Pace()
    for (let tries = 0; tries < LOGOUT_TRIES; tries++) {
      const waitMs = pace.waitMs(runtime.monotonic())
      if (waitMs > LOGOUT_WAIT_MS) return false
      await runtime.sleep(waitMs)
      const answer = await ask('logout', { refresh_token: refreshToken })
      if (!(answer instanceof ClientError) && answer.status !== 429) return answer.status === 204
      if (answer instanceof ClientError && answer.code === 'misconfigured') return false
      pace.failed(runtime.monotonic(), answer.retryAfterMs ?? 0, runtime.random())
    }
    return false
  }
}

const asFields = ({ username, password, scope, device }: Credentials, clientId: string | undefined) => ({
  username,
  password,
  scope,
  device,
  client_id: clientId,
})

/** What is a stream is gone once it was sent. Not every platform has `ReadableStream`. */
const canBeSentAgain = (body: unknown) =>
  typeof body !== 'object' || body === null || !('getReader' in body || Symbol.asyncIterator in body)
