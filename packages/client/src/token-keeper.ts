import { type Answer, type Call, errorCode } from './auth-server.ts'
import type { ClientEvent } from './client-event.ts'
import { ClientError, misconfigured } from './client-error.ts'
import { type Delivery, isOver } from './delivery.ts'
import type { OwnSession, SessionKeeper } from './session-keeper.ts'
import { Pace } from './pace.ts'
import type { Runtime } from './runtime.ts'
import { type Session, isDue, isUsable, readTokenResponse } from './session.ts'
import type { TabStore } from './tab-store.ts'
import { withLock } from './with-lock.ts'

interface TokenKeeperOptions {
  runtime: Runtime
  sessions: SessionKeeper
  ask: (call: Call) => Promise<Answer | ClientError>
  delivery: Delivery
  lockName: string | undefined
  tabs: TabStore | undefined
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
    if (options.tabs) {
      // Tabs that take turns at failing ask no more often than one would.
      options.tabs.onOutcome = (retryAfterMs) => {
        const { runtime } = options
        if (retryAfterMs === null) this.#pace.decided()
        else this.#pace.failed(runtime.monotonic(), retryAfterMs, runtime.random())
      }
    }
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
   * @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `unavailable`, `misconfigured`, `storage_failed`
   */
  renew(own: OwnSession, accessToken: string): Promise<Session> {
    own.refreshing ??= this.#refresh(own, accessToken).finally(() => {
      own.refreshing = undefined
    })
    return own.refreshing
  }

  async #refresh(own: OwnSession, accessToken: string): Promise<Session> {
    const { runtime, lockName, tabs, retryForMs } = this.#options
    const giveUpAt = runtime.monotonic() + retryForMs
    const work: Refresh = { own, accessToken, giveUpAt, heard: tabs?.heard, failure: UNREACHABLE }
    for (;;) {
      // Each request has the lock for itself: a lock that takes long is that of a tab that hangs.
      const outcome = await withLock(runtime.locks, lockName, () => this.#step(work))
      if (typeof outcome !== 'number') return outcome
      work.heard = tabs?.heard
      if (outcome > 0) await runtime.sleep(outcome)
    }
  }

  /** Sends a request, if it is time for one. Returns the session, or the milliseconds until the next step. */
  async #step(work: Refresh): Promise<Session | number> {
    const { runtime, sessions, tabs, onEvent } = this.#options
    const { own, accessToken } = work
    const isNews = (found: Session) => found.accessToken !== accessToken && isUsable(found, sessions.ageOf(found))
    // Read again before each request: another tab may have refreshed, logged out or logged in.
    let session = await sessions.read(own)
    if (tabs && !isNews(session)) {
      await tabs.settle(work.heard ?? 0)
      session = await sessions.read(own)
    }
    if (isNews(session)) return session

    const now = runtime.monotonic()
    const waitMs = this.#pace.waitMs(now)
    if (waitMs > 0 && this.#misconfigured) work.failure = this.#misconfigured
    if (work.failure.code === 'misconfigured' || (waitMs > 0 && now + waitMs > work.giveUpAt)) {
      onEvent({ type: 'refresh_failed', retryAfterMs: waitMs })
      throw new ClientError(work.failure.code, work.failure.message, waitMs)
    }
    if (waitMs > 0) return waitMs

    const answer = await this.#ask(session)
    this.#misconfigured = undefined
    if (answer instanceof ClientError) {
      work.failure = answer
      if (answer.code === 'misconfigured') this.#misconfigured = answer
      tabs?.failed(answer.retryAfterMs ?? 0)
      return this.#failed(answer.retryAfterMs)
    }
    let next: Session | null | 'outdated'
    try {
      next = await sessions.replace(own, session, answer)
    } catch (error) {
      this.#failed()
      throw error
    }
    if (next === 'outdated') return this.#failed()
    this.#pace.decided()
    this.#jitter = runtime.random()
    if (next === null) throw new ClientError('session_ended', 'The session has ended. Log in again.')
    onEvent({ type: 'refreshed', expiresAt: next.expiresAt })
    return next
  }

  /** Sends the refresh token. Returns null if the auth server refuses it. */
  async #ask(session: Session): Promise<Session | null | ClientError> {
    const { runtime, ask, delivery } = this.#options
    const askedAt = runtime.now()
    const answer = await ask(delivery.refresh(session))
    if (answer instanceof ClientError) return answer
    const { url, status, body, retryAfterMs } = answer
    // Nothing else ends a session: not another 4xx, which a proxy or a wrong setting may cause, and not any number of failures.
    if (isOver(answer, delivery)) return null
    if (status === 429) return new ClientError('unavailable', `${url} answered 429.`, retryAfterMs)
    if (status !== 200) return misconfigured(url, `answered ${status} (${errorCode(body)})`)
    const next = readTokenResponse(body, askedAt, delivery.inCookie)
    if (next === null) return misconfigured(url, 'answered without tokens')
    if (delivery.inCookie || next.sessionId === session.sessionId) return next
    return misconfigured(url, 'answered with the tokens of another session')
  }

  /** Returns 0: the next step waits for its time, and reads the store before that. */
  #failed(retryAfterMs = 0): number {
    const { runtime } = this.#options
    this.#pace.failed(runtime.monotonic(), retryAfterMs, runtime.random())
    return 0
  }
}

/** One refresh, for all who wait for it. */
interface Refresh {
  own: OwnSession
  /** The token that is to be replaced. */
  accessToken: string
  giveUpAt: number
  /** How much the other tabs had said when the last step ended. */
  heard: number | undefined
  failure: ClientError
}

const UNREACHABLE = new ClientError('unavailable', 'The auth server is unreachable or cannot decide.')
