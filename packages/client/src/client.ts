import type { ClientEvent } from './client-event.ts'
import { createCore } from './core.ts'
import { byBody, byCookie } from './delivery.ts'
import { ClientError } from './client-error.ts'
import { readLogin } from './read-tokens.ts'
import type { Runtime } from './runtime.ts'
import type { SessionStore } from './session-store.ts'
import { createTabStore } from './tab-store.ts'

/** The options of every client. */
export interface CoreOptions {
  /** The base URL of the auth server, without user name, query and fragment. */
  authServer: string | URL
  /** The http or https origins that may get the access token, such as `https://api.example`. */
  resources: readonly (string | URL)[]
  /** The auth server's id of this application. Default: the server's first one. */
  clientId?: string
  /** Where the session is kept. Default: in memory. */
  store?: SessionStore
  /**
   * The longest time for one request to the auth server, and for reading a service's 401. Default: 4,000 ms. A refresh is then
   * repeated, and the first answer to any of its requests counts.
   */
  timeoutMs?: number
  /** How long one refresh is retried. Default: 20,000 ms. */
  retryForMs?: number
  /** Called with each event. Errors that it throws are ignored. */
  onEvent?: (event: ClientEvent) => void
  runtime?: Partial<Runtime>
}

export interface ClientOptions extends CoreOptions {
  /**
   * How the refresh token travels. `cookie` is for pages of the auth server's site: the token is in a cookie, out of reach of
   * scripts, and the access token only in memory; all tabs have one session. Default: `body`, and the session is in `store`.
   */
  delivery?: 'body' | 'cookie'
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

  /**
   * Whether this client's session is in the store. The server may have ended it. With cookies, a new page asks the server.
   *
   * @throws ClientError `unavailable`, `misconfigured` if a new page gets no answer
   */
  isLoggedIn(): Promise<boolean>

  /**
   * Deletes the session at once and notifies the auth server. If that fails, `serverNotified` is false, and the session stays
   * valid at the server until it expires. Another session that is in the store by now stays there.
   */
  logout(): Promise<{ serverNotified: boolean }>
}

/** @throws TypeError for an address that is not an http or https URL, and for a time that no timer supports. */
export function createClient(options: ClientOptions): Client {
  const { clientId, delivery = 'body' } = options
  const isCookie = delivery === 'cookie'
  if (!isCookie && delivery !== 'body') throw new TypeError('`delivery` must be "body" or "cookie".')
  if (isCookie && options.store) throw new TypeError('With `delivery: "cookie"` there is no `store`.')
  const { client, runtime, ask, enter } = isCookie
    ? createCore(options, byCookie(clientId), createTabStore)
    : createCore(options, byBody(clientId))

  return {
    ...client,
    login: ({ username, password, scope, resource, device }) =>
      enter(async () => {
        const kind = isCookie ? { delivery } : {}
        const body = { username, password, scope, resource, device, client_id: clientId, ...kind }
        const askedAt = runtime.now()
        return readLogin(await ask({ path: '/auth/login', body }), askedAt, isCookie, ({ status, body: { error } }) => {
          if (status === 401 && error === 'invalid_credentials') {
            throw new ClientError('invalid_credentials', 'The user name or the password is wrong.')
          }
          return status === 400
        })
      }),
  }
}
