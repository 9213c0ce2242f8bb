import { type Answer, askAuthServer } from './auth-server.ts'
import type { ClientEvent } from './client-event.ts'
import { ClientError } from './client-error.ts'
import { Pace } from './pace.ts'
import type { Runtime } from './runtime.ts'
import { type Session, isDue, isSession, isUsable, readTokenResponse } from './session.ts'
import type { SessionStore } from './session-store.ts'
import { withLock } from './with-lock.ts'

interface TokenKeeperOptions {
  runtime: Runtime
  store: SessionStore
  /** Where refresh tokens are redeemed. */
  url: string
  clientId: string | undefined
  timeoutMs: number
  retryForMs: number
  onEvent: (event: ClientEvent) => void
}

/** Has an access token at hand, and sees to it that there is a next one. */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions
  readonly #pace = new Pace()
  /** The refresh that is on its way, for whoever wants one. */
  #refreshing: Promise<Session> | undefined
  #jitter: number

  constructor(options: TokenKeeperOptions) {
    this.#options = options
    this.#jitter = options.runtime.random()
  }

  /** @throws ClientError `not_logged_in`, or as `renew` does. */
  async session(): Promise<Session> {
    const now = this.#options.runtime.now()
    const session = await this.load()
    if (session === null) throw new ClientError('not_logged_in', 'Nobody is logged in.')
    if (!isUsable(session, now)) return this.renew(session.accessToken)
    // In good time nobody has to wait for it, and nobody is hurt if it fails.
    if (isDue(session, now, this.#jitter) && this.#pace.waitMs(now) === 0) {
      this.renew(session.accessToken).catch(() => undefined)
    }
    return session
  }

  /**
   * Another access token than this one. All who ask while a refresh is on its way get what it brings.
   *
   * @throws ClientError `session_ended`, `unavailable`, `storage_failed`
   */
  renew(accessToken: string): Promise<Session> {
    const { runtime, store } = this.#options
    this.#refreshing ??= withLock(runtime.locks, store.lockName, () => this.#refresh(accessToken)).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #refresh(accessToken: string): Promise<Session> {
    const { runtime, url, clientId, timeoutMs, retryForMs, onEvent } = this.#options
    const giveUpAt = runtime.now() + retryForMs
    for (;;) {
      // Looked at anew before each question: somebody else may have asked it meanwhile, logged out or logged in.
      const session = await this.load()
      if (session === null) throw sessionEnded()
      const askedAt = runtime.now()
      if (session.accessToken !== accessToken && isUsable(session, askedAt)) return session

      const waitMs = this.#pace.waitMs(askedAt)
      if (askedAt + waitMs > giveUpAt) {
        onEvent({ type: 'refresh_failed', retryAfterMs: waitMs })
        throw new ClientError('unavailable', 'The auth server could not be asked, or could not decide.', waitMs)
      }
      if (waitMs > 0) {
        await runtime.sleep(waitMs)
        continue
      }

      const answer = await askAuthServer(
        runtime,
        url,
        { refresh_token: session.refreshToken, ...(clientId !== undefined && { client_id: clientId }) },
        timeoutMs,
      )
      const next = answer.status === 200 ? readTokenResponse(answer.body, askedAt) : null
      const isRefused = isInvalidGrant(answer)
      if (next === null && !isRefused) {
        this.#pace.failed(runtime.now(), answer.retryAfterMs, runtime.random())
        continue
      }
      this.#pace.decided()
      // What the store holds now is at least as new as this answer, or another session, or none any more.
      if ((await this.load())?.refreshToken !== session.refreshToken) continue
      if (next === null) {
        await this.clear()
        onEvent({ type: 'session_ended', reason: 'refused' })
        throw sessionEnded()
      }
      await this.save(next)
      onEvent({ type: 'refreshed', expiresAt: next.expiresAt })
      return next
    }
  }

  async load(): Promise<Session | null> {
    const kept = await this.#stored(() => this.#options.store.load())
    return isSession(kept) ? kept : null
  }

  async save(session: Session): Promise<void> {
    await this.#stored(() => this.#options.store.save(session))
    this.#jitter = this.#options.runtime.random()
  }

  async clear(): Promise<void> {
    await this.#stored(() => this.#options.store.clear())
  }

  async #stored<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work()
    } catch {
      // Its error may quote what it was given.
      throw new ClientError('storage_failed', 'The session could not be read from its store or written to it.')
    }
  }
}

/**
 * RFC 6749, section 5.2. Nothing else ends a session: neither another 4xx, which a proxy or a wrong setting may be behind,
 * nor any number of failures.
 */
const isInvalidGrant = ({ status, body }: Answer) => status === 400 && body['error'] === 'invalid_grant'

const sessionEnded = () => new ClientError('session_ended', 'The session has ended. Log in again.')
