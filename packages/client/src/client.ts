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
  /** The base URL of the auth server, without user name, query and fragment. */
  authServer: string | URL
  /** The http or https origins that may get the access token, such as `https://api.example`. */
  resources: readonly (string | URL)[]
  /** The auth server's id of this application. Default: the server's first one. */
  clientId?: string
  /** Where the session is kept. Default: in memory. */
  store?: SessionStore
  /** The longest time for one request to the auth server, and for reading a service's 401. Default: 4,000 ms. */
  timeoutMs?: number
  /** How long one refresh is retried. Default: 20,000 ms. */
  retryForMs?: number
  /** Called with each event. Errors that it throws are ignored. */
  onEvent?: (event: ClientEvent) => void
  runtime?: Partial<Runtime>
}

export interface Credentials {
  username: string
  password: string
  /** Default: every scope of the user. */
  scope?: string
  /** The services that the tokens are for, by their ids at the auth server. Default: all that this application may use. */
  resource?: string | readonly string[]
  /** The name of this device in the list of sessions. */
  device?: string
}

/**
 * A client uses one session until its next `login` or `logout`: the session of its login, or the one in the store at its first
 * use. A call that began under one session never goes out under another: it fails with `session_changed`.
 *
 * Every call can throw `storage_failed`. `fetch` and `accessToken` may refresh, so they can also throw `unavailable` and
 * `misconfigured`.
 */
export interface Client {
  /**
   * Opens a session, which replaces the one in the store. Of two concurrent logins, the one that began last counts.
   *
   * @throws ClientError `invalid_credentials`, `too_many_attempts`, `login_refused`, `session_changed` (another login or logout
   * began meanwhile), `unavailable`, `misconfigured`
   */
  login(credentials: Credentials): Promise<void>

  /**
   * `fetch` with the access token. If the service refuses the token, the client refreshes it and sends the request again, once.
   * Redirects are not followed unless `init.redirect` says so. Rejects as `fetch` does, and:
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `address_not_allowed`, `redirected`
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>

  /**
   * The access token, for requests that `fetch` cannot make, such as a WebSocket or an event stream.
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `session_changed`
   */
  accessToken(options?: { signal?: AbortSignal }): Promise<string>

  /** Whether this client's session is in the store. The server may have ended it. */
  isLoggedIn(): Promise<boolean>

  /**
   * Deletes the session at once and notifies the auth server. If that fails, `serverNotified` is false, and the session stays
   * valid at the server until it expires. Another session that is in the store by now stays there.
   */
  logout(): Promise<{ serverNotified: boolean }>
}

/**
 * Two retries of an unanswered refresh then fall within the server's grace period (10 s), which allows any number of retries.
 */
const TIMEOUT_MS = 4_000

/** A younger token is not refused for its age, so a newer one would not help. */
const YOUNG_MS = 10_000

/** A user who logs out does not wait long. */
const [LOGOUT_TRIES, LOGOUT_WAIT_MS] = [3, 3_000]

/** @throws TypeError for an address that is not an http or https URL, and for a time that no timer supports. */
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
      // An error of the listener must not replace the outcome of a call.
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
        // The new session is not used, so end it.
        notifyServer(session).catch(() => undefined)
        throw error
      }
      onEvent({ type: 'logged_in' })
    },

    async fetch(target, init = {}) {
      const { own } = sessions
      const address = new URL(target, (globalThis as { location?: { href: string } }).location?.href)
      const origin = originOf(address)
      if (origin === null || !origins.has(origin)) {
        const who = origin ?? `A ${address.protocol} address`
        throw new ClientError('address_not_allowed', `${who} is not among the resources of this client.`)
      }
      const headers = new Headers(init.headers)
      const send = async ({ accessToken }: Session) => {
        headers.set('authorization', `Bearer ${accessToken}`)
        const response = await runtime.fetch(address, { ...init, headers, redirect: init.redirect ?? 'manual' })
        if (init.redirect !== undefined || !isRedirect(response)) return response
        discard(response)
        throw new ClientError('redirected', `${origin} answered with a redirect, which could send the token elsewhere.`)
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
      return { serverNotified: await sessions.leave(notifyServer) }
    },
  }

  async function notifyServer({ refreshToken }: Session): Promise<boolean> {
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

const asFields = ({ username, password, scope, resource, device }: Credentials, clientId: string | undefined) => ({
  username,
  password,
  scope,
  resource,
  device,
  client_id: clientId,
})

/** A stream can be sent only once. Not every platform has `ReadableStream`. */
const canBeSentAgain = (body: unknown) =>
  typeof body !== 'object' || body === null || !('getReader' in body || Symbol.asyncIterator in body)
