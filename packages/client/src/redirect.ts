import { ClientError, misconfigured } from './client-error.ts'
import type { Client, CoreOptions } from './client.ts'
import { createCore } from './core.ts'
import type { Delivery } from './delivery.ts'
import { type Page, beginAttempt, endAttempt } from './login-attempts.ts'
import { storageFailed } from './safe-store.ts'
import { loginRefused, readLogin } from './read-tokens.ts'

export { ClientError }

export interface RedirectOptions extends CoreOptions {
  /** The issuer: the base URL of the auth server, exactly as its `ISSUER`. */
  authServer: string | URL
  clientId: string
  /** The page to which the auth server sends the user back, as registered. Default: this page, without query and fragment. */
  redirectUri?: string | URL
  /** The service that the tokens are for (RFC 8707), by its id at the auth server. Default: the only one of this application. */
  resource?: string
  page?: Page
}

export interface RedirectLogin {
  /** Default: every scope of the application that the user has. */
  scope?: string
  /** `none` shows no page: a user who would have to log in or to consent comes back at once. */
  prompt?: 'none' | 'login' | 'consent'
  /** The address of this page's origin that is shown after the login. Default: the present one. */
  returnTo?: string
}

/**
 * - `logged_in`: the user is back, and there is a session;
 * - `login_required`: after `prompt: 'none'`, the user has to log in or to consent;
 * - `no_redirect`: this page was not opened by a login of this client, or that login is over (the back button).
 */
export type RedirectOutcome = 'logged_in' | 'login_required' | 'no_redirect'

/** Logs in by the authorization code flow with PKCE (RFC 6749, 7636, 9207), from a page of any origin. */
export interface RedirectClient extends Omit<Client, 'login'> {
  /**
   * Leaves this page for the login at the auth server. Every login has a state of its own, so tabs do not disturb each other.
   *
   * @throws ClientError `storage_failed` if the page may not use `sessionStorage`
   * @throws TypeError for a `returnTo` of another origin, and on a page of http that is not on this machine
   */
  loginWithRedirect(login?: RedirectLogin): Promise<void>

  /**
   * To be called first when the page opens. It removes the code from the address, and exchanges it. All calls on one page have
   * one outcome.
   *
   * @throws ClientError `login_refused` (the message has the server's code, such as `access_denied`), `misconfigured`, or
   * `unavailable` if there was no clear answer: call `loginWithRedirect` again, which asks for no password
   */
  handleRedirect(): Promise<RedirectOutcome>
}

/** What a page would have to ask, if it might: the errors of OpenID Connect Core, section 3.1.2.6, that end so. */
const ASKS = /_required$/

/** @throws TypeError as `createClient` does */
export function createRedirectClient(options: RedirectOptions): RedirectClient {
  const { clientId, resource } = options
  const form = (path: string, fields: Record<string, string | undefined>) => {
    const body = new URLSearchParams()
    for (const [name, value] of Object.entries({ client_id: clientId, ...fields, resource }))
      if (value !== undefined) body.set(name, value)
    return { path, body }
  }
  const delivery: Delivery = {
    inCookie: false,
    refresh: ({ refreshToken }) => form('/oauth2/token', { grant_type: 'refresh_token', refresh_token: refreshToken }),
    logout: ({ refreshToken }) => form('/oauth2/revoke', { token: refreshToken }),
  }
  const { client, base, runtime, ask, enter } = createCore(options, delivery)
  // Only when it is needed: the same code may run on a server.
  const pageOf = () => options.page ?? (globalThis as unknown as Page)
  let handled: Promise<RedirectOutcome> | undefined

  return {
    ...client,

    async loginWithRedirect({ scope, prompt, returnTo } = {}) {
      // A proof needs it, and browsers have it on https and on this machine only.
      if (!globalThis.crypto?.subtle) throw new TypeError('A login by redirect needs a page on https.')
      const page = pageOf()
      const { href, origin } = page.location
      const back = new URL(returnTo ?? href, href)
      if (back.origin !== origin) throw new TypeError('`returnTo` must be an address of this origin.')
      const redirectUri = String(options.redirectUri ?? href.replace(/[?#].*/, ''))
      const [state, verifier] = [randomText(), randomText()]
      const { path, body } = form('/oauth2/authorize', {
        response_type: 'code',
        redirect_uri: redirectUri,
        state,
        code_challenge: await challengeOf(verifier),
        code_challenge_method: 'S256',
        scope,
        prompt,
      })
      try {
        beginAttempt(page, state, { verifier, redirectUri, returnTo: back.href, begunAt: runtime.now() })
      } catch {
        throw storageFailed()
      }
      page.location.assign(`${base}${path}?${body.toString()}`)
    },

    handleRedirect: () => (handled ??= handle()),
  }

  async function handle(): Promise<RedirectOutcome> {
    const page = pageOf()
    const answer = new URLSearchParams(page.location.search)
    const [state, code, error] = [answer.get('state'), answer.get('code'), answer.get('error')]
    const attempt = (code ?? error) === null ? null : endAttempt(page, state)
    // Another library's answer, or one that someone sends to log the user in as someone else (RFC 9700, section 4.7).
    if (attempt === null) return 'no_redirect'
    // First of all, so that no script, log or screenshot finds the code.
    page.history.replaceState(page.history.state, '', attempt.returnTo)
    const { verifier, redirectUri } = attempt
    if (verifier === undefined) return 'no_redirect'
    // RFC 9207: another server's answer must not reach this one, nor this one's code another.
    if (answer.get('iss') !== base) throw misconfigured(base, 'is not the issuer of the answer')
    if (error !== null && ASKS.test(error)) return 'login_required'
    if (code === null) throw loginRefused({ error })

    await enter(async () => {
      const askedAt = runtime.now()
      const call = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri }
      // Never repeated: a code that is presented twice ends its session (RFC 6749, section 4.1.2).
      const answered = await ask(form('/oauth2/token', call))
      return readLogin(answered, askedAt, false, ({ status }) => status !== 200)
    })
    return 'logged_in'
  }
}

/** 244 random bits, in characters that RFC 7636, section 4.1, allows. */
const randomText = () => crypto.randomUUID() + crypto.randomUUID()

/** The SHA-256 in base64url: RFC 7636, section 4.2. */
async function challengeOf(verifier: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  const base64 = btoa(String.fromCharCode(...new Uint8Array(hash)))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace('=', '')
}
