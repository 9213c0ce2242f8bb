import { askAuthServer, errorCode } from './auth-server.ts'
import type { ClientEvent } from './client-event.ts'
import { ClientError, misconfigured } from './client-error.ts'
import type { OwnSession, SessionKeeper } from './session-keeper.ts'
import { Pace } from './pace.ts'
import type { Runtime } from './runtime.ts'
import { type Session, isDue, isUsable, readTokenResponse } from './session.ts'
import { withLock } from './with-lock.ts'

interface TokenKeeperOptions {
  runtime: Runtime
  sessions: SessionKeeper
  /** The URL for refreshes. */
  url: string
  clientId: string | undefined
  lockName: string | undefined
  timeoutMs: number
  retryForMs: number
  onEvent: (event: ClientEvent) => void
}

/** Provides a valid access token and refreshes it in time. */
export class TokenKeeper {
  readonly #options: TokenKeeperOptions
  readonly #pace = new Pace()
  /** The error of the last request, if it was `misconfigured`. */
  #misconfigured: ClientError | undefined
  #jitter: number

  constructor(options: TokenKeeperOptions) {
    this.#options = options
    this.#jitter = options.runtime.random()
  }

  /** @throws ClientError as `SessionKeeper.read` and `renew` do. */
  async session(own: OwnSession): Promise<Session> {
    const { runtime, sessions } = this.#options
    const session = await sessions.read(own)
    const age = sessions.ageOf(session)
    if (!isUsable(session, age)) return this.renew(own, session.accessToken)
    // A refresh ahead of need: no caller waits for it, and a failure does no harm.
    if (isDue(session, age, this.#jitter) && this.#pace.waitMs(runtime.monotonic()) === 0) {
      this.renew(own, session.accessToken).catch(() => undefined)
    }
    return session
  }

  /**
   * Returns an access token of this session that differs from the given one. All callers share one refresh.
   *
   * @throws ClientError `session_ended`, `session_changed`, `unavailable`, `misconfigured`, `storage_failed`
   */
  renew(own: OwnSession, accessToken: string): Promise<Session> {
    const { runtime, lockName } = this.#options
    own.refreshing ??= withLock(runtime.locks, lockName, () => this.#refresh(own, accessToken)).finally(() => {
      own.refreshing = undefined
    })
    return own.refreshing
  }

  async #refresh(own: OwnSession, accessToken: string): Promise<Session> {
    const { runtime, sessions, retryForMs, onEvent } = this.#options
    const giveUpAt = runtime.monotonic() + retryForMs
    let failure = new ClientError('unavailable', 'The auth server is unreachable or cannot decide.')
    for (;;) {
      // Read again before each request: another tab may have refreshed, logged out or logged in.
      const session = await sessions.read(own)
      if (session.accessToken !== accessToken && isUsable(session, sessions.ageOf(session))) return session

      const now = runtime.monotonic()
      const waitMs = this.#pace.waitMs(now)
      if (waitMs > 0 && this.#misconfigured) failure = this.#misconfigured
      if (failure.code === 'misconfigured' || now + waitMs > giveUpAt) {
        onEvent({ type: 'refresh_failed', retryAfterMs: waitMs })
        throw new ClientError(failure.code, failure.message, waitMs)
      }
      if (waitMs > 0) {
        await runtime.sleep(waitMs)
        continue
      }

      const answer = await this.#ask(session)
      this.#misconfigured = undefined
      if (answer instanceof ClientError) {
        failure = answer
        if (answer.code === 'misconfigured') this.#misconfigured = answer
        this.#failed(answer.retryAfterMs)
        continue
      }
      let next: Session | null | 'outdated'
      try {
        next = await sessions.replace(own, session, answer)
      } catch (error) {
        this.#failed()
        throw error
      }
      if (next === 'outdated') {
        this.#failed()
        continue
      }
      this.#pace.decided()
      this.#jitter = runtime.random()
      if (next === null) throw new ClientError('session_ended', 'The session has ended. Log in again.')
      onEvent({ type: 'refreshed', expiresAt: next.expiresAt })
      return next
    }
  }
  /** Sends the refresh token. Returns null if the auth server refuses it. */
  async #ask({ refreshToken, sessionId }: Session): Promise<Session | null | ClientError> {
    const { runtime, url, clientId, timeoutMs } = this.#options
    const askedAt = runtime.now()
    const body = { refresh_token: refreshToken, ...(clientId !== undefined && { client_id: clientId }) }
    const answer = await askAuthServer(runtime, url, body, timeoutMs)
    if (answer instanceof ClientError) return answer
    // RFC 6749, section 5.2. Nothing else ends a session: not another 4xx, which a proxy or a wrong setting may cause, and not any
    // number of failures.
    if (answer.status === 400 && answer.body['error'] === 'invalid_grant') return null
    if (answer.status === 429) return new ClientError('unavailable', `${url} answered 429.`, answer.retryAfterMs)
    if (answer.status !== 200) return misconfigured(url, `answered ${answer.status} (${errorCode(answer.body)})`)
    const next = readTokenResponse(answer.body, askedAt)
    if (next === null) return misconfigured(url, 'answered without tokens')
    return next.sessionId === sessionId ? next : misconfigured(url, 'answered with the tokens of another session')
  }

  #failed(retryAfterMs = 0): void {
    const { runtime } = this.#options
    this.#pace.failed(runtime.monotonic(), retryAfterMs, runtime.random())
  }
}
