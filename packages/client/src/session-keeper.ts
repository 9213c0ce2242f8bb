import type { ClientEvent } from './client-event.ts'
import { ClientError } from './client-error.ts'
import type { Runtime } from './runtime.ts'
import { SafeStore, storageFailed } from './safe-store.ts'
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
  reported?: 'session_ended' | 'session_changed' | undefined
  /** The refresh in progress, which all callers share. */
  refreshing?: Promise<Session> | undefined
}

export class SessionKeeper {
  readonly #store: SafeStore
  readonly #runtime: Runtime
  readonly #onEvent: (event: ClientEvent) => void
  #own: OwnSession = {}
  /** The number of the last login or logout that began. */
  #turn = 0
  /** The newest token that this client has seen, and when it was received, by the monotonic clock. */
  #newest = { accessToken: '', receivedAt: 0 }

  constructor(store: SessionStore, runtime: Runtime, onEvent: (event: ClientEvent) => void) {
    this.#store = new SafeStore(store, runtime)
    this.#runtime = runtime
    this.#onEvent = onEvent
    store.subscribe?.(() => {
      if (this.#own.session) this.read(this.#own).catch(() => undefined)
    })
  }

  /** The session of a call that begins now. */
  get own(): OwnSession {
    return this.#own
  }

  /** @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `storage_failed` */
  async read(own: OwnSession): Promise<Session> {
    const kept = await this.#store.read()
    if (own !== this.#own) throw kept ? sessionChanged() : sessionEnded()
    if (!own.session?.sessionId) own.session = kept ?? undefined
    if (own.session === undefined) throw notLoggedIn()
    if (kept?.sessionId === own.session.sessionId) {
      own.reported = undefined
      const age = this.ageOf(kept)
      // A token of another tab: from here on, this clock counts too.
      if (age >= 0 && kept.accessToken !== this.#newest.accessToken) this.#note(kept, age)
      return (own.session = kept)
    }
    const type = kept ? 'session_changed' : 'session_ended'
    const isNews = own.reported !== type
    own.reported = type
    if (isNews) this.#onEvent(type === 'session_changed' ? { type } : { type, reason: 'ended_elsewhere' })
    if (kept) throw sessionChanged()
    throw isNews ? sessionEnded() : notLoggedIn()
  }

  /**
   * Milliseconds since the access token came. It is negative if the clock was set back. If both clocks know, the longer time
   * counts: one clock may be set, and the other may stop while the device sleeps.
   */
  ageOf({ accessToken, receivedAt }: Session): number {
    const age = this.#runtime.now() - receivedAt
    if (accessToken !== this.#newest.accessToken) return age
    return Math.max(age, this.#runtime.monotonic() - this.#newest.receivedAt)
  }

  /** The number of a login that begins now, for `enter`. */
  nextTurn(): number {
    return ++this.#turn
  }

  /** @throws ClientError `session_changed` if another login or logout began meanwhile, `storage_failed` */
  enter(session: Session, turn: number): Promise<void> {
    return this.#store.exclusively(async () => {
      if (turn !== this.#turn) throw sessionChanged()
      await this.#save(session)
      this.#own = { session }
    })
  }

  /**
   * Replaces a session after a refresh. Null ends it, as the token was refused.
   *
   * @returns 'outdated' if the store holds another session by now, which stays
   * @throws ClientError `not_logged_in`, `storage_failed`
   */
  replace(own: OwnSession, former: Session, next: Session | null): Promise<Session | null | 'outdated'> {
    return this.#store.exclusively(async () => {
      if (own !== this.#own || !isSameToken(await this.#store.load(), former)) return 'outdated'
      if (next === null) {
        await this.#store.clear()
        if (former === UNKNOWN) throw notLoggedIn()
        own.reported = 'session_ended'
        this.#onEvent({ type: 'session_ended', reason: 'refused' })
        return null
      }
      await this.#save(next)
      // The cookie belongs to a login in another tab.
      if (former.sessionId && next.sessionId !== former.sessionId) return 'outdated'
      own.session = next
      // The store ignored the new session, which would cause endless refreshes.
      if (!isSameToken(next, former) && isSameToken(await this.#store.load(), former)) throw storageFailed()
      return own === this.#own ? next : 'outdated'
    })
  }

  /**
   * Deletes this client's session. Another one in the store stays there.
   *
   * @param notify gets the session, and returns whether the server was notified
   * @returns the result of `notify`, or true if there was no session
   * @throws ClientError `storage_failed`, after `notify`
   */
  async leave(notify: (session: Session) => Promise<boolean>): Promise<boolean> {
    this.#turn++
    const { reported, session: last } = this.#own
    const session = last === UNKNOWN ? undefined : last
    this.#own = {}
    let answer = session && notify(session)
    const forgotten = this.#store.exclusively(async () => {
      const kept = await this.#store.load().catch(async (error: unknown) => {
        await this.#store.clear()
        throw error
      })
      if (kept === null || (session && kept.sessionId !== session.sessionId)) return
      answer ??= notify(kept)
      await this.#store.clear()
    })
    // First notify the server, then throw the store's error.
    await forgotten.catch(() => undefined)
    const serverNotified = await answer
    await forgotten
    if (answer && !reported) this.#onEvent({ type: 'session_ended', reason: 'logged_out' })
    return serverNotified ?? true
  }

  async #save(session: Session): Promise<void> {
    await this.#store.save(session)
    this.#note(session, 0)
  }

  #note({ accessToken }: Session, age: number): void {
    this.#newest = { accessToken, receivedAt: this.#runtime.monotonic() - age }
  }
}

const notLoggedIn = () => new ClientError('not_logged_in', 'Nobody is logged in.')
const sessionEnded = () => new ClientError('session_ended', 'The session has ended. Log in again.')
const sessionChanged = () =>
  new ClientError('session_changed', 'Another session has taken the place of the one that this call began with.')
