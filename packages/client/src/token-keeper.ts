import { type Answer, type Call, unavailable } from './auth-server.ts'
import type { ClientEvent } from './client-event.ts'
import { ClientError, misconfigured } from './client-error.ts'
import { type Delivery, isOver } from './delivery.ts'
import { orAborted } from './or-aborted.ts'
import { createPace } from './pace.ts'
import { readTokens } from './read-tokens.ts'
import type { Runtime } from './runtime.ts'
import { type Session, isDue, isUsable } from './session.ts'
import { type OwnSession, type SessionKeeper, sessionEnded } from './session-keeper.ts'
import type { TabStore } from './tab-store.ts'
import { withLock } from './with-lock.ts'
import { within } from './within.ts'

interface TokenKeeperOptions {
  runtime: Runtime
  sessions: SessionKeeper
  send: (call: Call, signal: AbortSignal) => Promise<Answer | ClientError>
  /** The outcome of a request that is not answered in time. */
  unanswered: ClientError
  delivery: Delivery
  lockName: string | undefined
  tabs: TabStore | undefined
  timeoutMs: number
  retryForMs: number
  onEvent: (event: ClientEvent) => void
}

/** Provides a valid access token and refreshes it in time. */
export interface TokenKeeper {
  /** @throws ClientError as `SessionKeeper.read` and `renew` do. */
  session(own: OwnSession): Promise<Session>
  /**
   * Returns an access token of this session that differs from the given one. All callers share one refresh.
   *
   * @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `unavailable`, `misconfigured`, `storage_failed`
   */
  renew(own: OwnSession, accessToken: string): Promise<Session>
  /** Ends the requests that are not answered yet. Refreshes go on, and read the store first. */
  stop(): void
}

export function createTokenKeeper({
  runtime,
  sessions,
  send,
  unanswered,
  delivery,
  lockName,
  tabs,
  timeoutMs,
  retryForMs,
  onEvent,
}: TokenKeeperOptions): TokenKeeper {
  const pace = createPace(runtime)
  let jitter = runtime.random()
  /** Why the last request failed, if it did. */
  let failure = unanswered
  /** Ends the requests of this client, and its waits for their time. */
  let ending = new AbortController()

  if (tabs) {
    // Tabs that take turns at failing ask no more often than one would.
    tabs.onOutcome = (retryAfterMs) => (retryAfterMs === null ? decided() : pace.failed(retryAfterMs))
    tabs.onStop = stop
  }

  function stop(): void {
    ending.abort()
    ending = new AbortController()
  }

  function decided(): void {
    pace.decided()
    failure = unanswered
    stop()
  }

  async function session(own: OwnSession): Promise<Session> {
    const found = await sessions.read(own)
    const age = sessions.ageOf(found)
    if (!isUsable(found, age)) return renew(own, found.accessToken)
    // A refresh ahead of need: no caller waits for it, and a failure does no harm.
    if (isDue(found, age, jitter) && pace.waitMs() === 0) renew(own, found.accessToken).catch(() => undefined)
    return found
  }

  function renew(own: OwnSession, accessToken: string): Promise<Session> {
    own.refreshing ??= refresh(own, accessToken).finally(() => {
      own.refreshing = undefined
      stop()
    })
    return own.refreshing
  }

  /** One refresh, for all who wait for it. It replaces the given token. */
  async function refresh(own: OwnSession, accessToken: string): Promise<Session> {
    const giveUpAt = runtime.monotonic() + retryForMs
    const isNews = (found: Session) => found.accessToken !== accessToken && isUsable(found, sessions.ageOf(found))
    const mayWait = (ms: number) => ms > 0 && failure.code !== 'misconfigured' && runtime.monotonic() + ms <= giveUpAt

    for (;;) {
      const { signal } = ending
      // Each request has the lock for itself: a lock that takes long is that of a tab that hangs.
      const outcome = await withLock(runtime.locks, lockName, () => step(signal))
      if (typeof outcome !== 'number') return outcome
      if (outcome > 0) await orAborted(runtime.sleep(outcome), signal).catch(() => undefined)
    }

    /** Sends a request, if it is time for one. Returns the session, or the milliseconds until the next step. */
    async function step(signal: AbortSignal): Promise<Session | number> {
      // Read again before each request: another tab may have refreshed, logged out or logged in.
      let known = await sessions.read(own)
      // The others are asked before a request and before this refresh gives up. While it waits, they would be busy with answers.
      if (tabs && !isNews(known) && !mayWait(pace.waitMs())) {
        await tabs.settle()
        known = await sessions.read(own)
      }
      if (isNews(known)) return known

      const waitMs = pace.waitMs()
      if (mayWait(waitMs)) return waitMs
      if (waitMs > 0) {
        onEvent({ type: 'refresh_failed', retryAfterMs: waitMs })
        throw new ClientError(failure.code, failure.message, waitMs)
      }

      const asked = attempt(own, known, signal)
      // A later answer counts as well: the browser takes its cookie, and on a slow network there is no faster one.
      asked.catch(() => undefined)
      const answer = await within(timeoutMs, () => asked, unanswered)
      if (!(answer instanceof ClientError)) return answer ?? 0
      // Something else is known by now.
      if (signal.aborted) return 0
      failure = answer
      tabs?.tell({ failed: answer.retryAfterMs ?? 0 })
      pace.failed(answer.retryAfterMs)
      // The next step waits for its time, and reads the store before that.
      return 0
    }
  }

  /**
   * Sends the refresh token, and keeps what it gets for it.
   *
   * @returns null if the session is not in the store any more
   */
  async function attempt(own: OwnSession, former: Session, signal: AbortSignal): Promise<Session | ClientError | null> {
    const answer = await ask(former, signal)
    if (answer instanceof ClientError) return answer
    let next: Session | null | 'outdated' = 'outdated'
    try {
      next = await sessions.replace(own, former, answer)
    } finally {
      if (next === 'outdated') pace.failed()
    }
    if (next === 'outdated') return null
    decided()
    jitter = runtime.random()
    if (next === null) throw sessionEnded()
    onEvent({ type: 'refreshed', expiresAt: next.expiresAt })
    return next
  }

  /** Sends the refresh token. Returns null if the auth server refuses it. */
  async function ask(former: Session, signal: AbortSignal): Promise<Session | null | ClientError> {
    const askedAt = runtime.now()
    const answer = await send(delivery.refresh(former), signal)
    if (answer instanceof ClientError) return answer
    // Nothing else ends a session: not another 4xx, which a proxy or a wrong setting may cause, and not any number of failures.
    if (isOver(answer, delivery)) return null
    const { url, status, retryAfterMs } = answer
    if (status === 429) return unavailable(url, 'answered 429', retryAfterMs)
    const next = readTokens(answer, askedAt, delivery.inCookie)
    if (next instanceof ClientError || delivery.inCookie || next.sessionId === former.sessionId) return next
    return misconfigured(url, 'answered with another session')
  }

  return { session, renew, stop }
}
