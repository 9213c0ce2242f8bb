import type { ClientEvent } from './client-event.ts'
import { ClientError, type ClientErrorCode } from './client-error.ts'
import type { Runtime } from './runtime.ts'
import { createSafeStore, storageFailed } from './safe-store.ts'
import { type Session, UNKNOWN, isSameToken } from './session.ts'
import type { SessionStore } from './session-store.ts'

/**
 * The session that a client uses, from its login or first use until its next login or logout. A call that begins under it goes
 * out under it or not at all, even if the store has another session by then.
 */
export interface OwnSession {
  /** The session as read last. If absent, the first session that the store returns becomes it. */
  session?: Session | undefined
  /** The event that was emitted because the session is no longer in the store. */
  reported?: ClientErrorCode | undefined
  /** The refresh in progress, which all callers share. */
  refreshing?: Promise<Session> | undefined
}

export interface SessionKeeper {
  /** The session of a call that begins now. */
  own(): OwnSession

  /** @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `storage_failed` */
  read(own: OwnSession): Promise<Session>

  /**
   * Milliseconds since the access token was asked for. It is negative if the clock was set back. If both clocks know, the longer
   * time counts: one clock may be set, and the other may stop while the device sleeps.
   */
  ageOf(session: Session): number

  /** The number of a login that begins now, for `enter`. */
  nextTurn(): number

  /** @throws ClientError `session_changed` if another login or logout began meanwhile, `storage_failed` */
  enter(session: Session, turn: number): Promise<void>

  /**
   * Replaces a session after a refresh. Null ends it, as the token was refused.
   *
   * @returns 'outdated' if the store holds another session by now, which stays
   * @throws ClientError `not_logged_in`, `storage_failed`
   */
  replace(own: OwnSession, former: Session, next: Session | null): Promise<Session | null | 'outdated'>

  /**
   * Deletes this client's session. Another one in the store stays there.
   *
   * @param notify gets the session, and returns whether the server was notified
   * @returns the result of `notify`, or true if there was no session
   * @throws ClientError `storage_failed`, after `notify`
   */
  leave(notify: (session: Session) => Promise<boolean>): Promise<boolean>
}

export function createSessionKeeper(
  shared: SessionStore,
  runtime: Runtime,
  onEvent: (event: ClientEvent) => void,
): SessionKeeper {
  const store = createSafeStore(shared, runtime)
  let current: OwnSession = {}
  /** The number of the last login or logout that began. */
  let lastTurn = 0
  /** The newest token that this client has seen, and when it was asked for, by the monotonic clock. */
  let newest = { accessToken: '', askedAt: 0 }

  shared.subscribe?.(() => {
    if (current.session) read(current).catch(() => undefined)
  })

  async function read(own: OwnSession): Promise<Session> {
    const kept = await store.read()
    if (own !== current) throw kept ? sessionChanged() : sessionEnded()
    if (!own.session?.sessionId) own.session = kept ?? undefined
    if (own.session === undefined) throw notLoggedIn()
    if (kept?.sessionId === own.session.sessionId) {
      own.reported = undefined
      const age = ageOf(kept)
      // A token of another tab: from here on, this clock counts too.
      if (age >= 0 && kept.accessToken !== newest.accessToken) note(kept, age)
      return (own.session = kept)
    }
    const error = kept ? sessionChanged() : sessionEnded()
    const isNews = own.reported !== error.code
    own.reported = error.code
    if (isNews) onEvent(kept ? { type: 'session_changed' } : { type: 'session_ended', reason: 'ended_elsewhere' })
    throw kept || isNews ? error : notLoggedIn()
  }

  function ageOf({ accessToken, receivedAt }: Session): number {
    const age = runtime.now() - receivedAt
    return accessToken === newest.accessToken ? Math.max(age, runtime.monotonic() - newest.askedAt) : age
  }

  async function save(session: Session): Promise<void> {
    await store.save(session)
    // The answer may have been slow.
    note(session, Math.max(0, runtime.now() - session.receivedAt))
  }

  function note({ accessToken }: Session, age: number): void {
    newest = { accessToken, askedAt: runtime.monotonic() - age }
  }

  return {
    own: () => current,
    read,
    ageOf,
    nextTurn: () => ++lastTurn,

    enter: (session, turn) =>
      store.exclusively(async () => {
        if (turn !== lastTurn) throw sessionChanged()
        await save(session)
        current = { session }
      }),

    replace: (own, former, next) =>
      store.exclusively(async () => {
        if (own !== current || !isSameToken(await store.load(), former)) return 'outdated'
        if (next === null) {
          await store.clear()
          if (former === UNKNOWN) throw notLoggedIn()
          own.reported = 'session_ended'
          onEvent({ type: 'session_ended', reason: 'refused' })
          return null
        }
        await save(next)
        // The cookie belongs to a login in another tab.
        if (former.sessionId && next.sessionId !== former.sessionId) return 'outdated'
        own.session = next
        // The store ignored the new session, which would cause endless refreshes.
        if (!isSameToken(next, former) && isSameToken(await store.load(), former)) throw storageFailed()
        return own === current ? next : 'outdated'
      }),

    async leave(notify) {
      lastTurn++
      const { reported, session: last } = current
      const session = last === UNKNOWN ? undefined : last
      current = {}
      let answer = session && notify(session)
      const forgotten = store.exclusively(async () => {
        const kept = await store.load().catch(async (error: unknown) => {
          await store.clear()
          throw error
        })
        if (kept === null || (session && kept.sessionId !== session.sessionId)) return
        answer ??= notify(kept)
        await store.clear()
      })
      // First notify the server, then throw the store's error.
      await forgotten.catch(() => undefined)
      const serverNotified = await answer
      await forgotten
      if (answer && !reported) onEvent({ type: 'session_ended', reason: 'logged_out' })
      return serverNotified ?? true
    },
  }
}

const notLoggedIn = () => new ClientError('not_logged_in', 'Nobody is logged in.')
export const sessionEnded = () => new ClientError('session_ended', 'The session has ended.')
const sessionChanged = () => new ClientError('session_changed', 'Another session has replaced this one.')
