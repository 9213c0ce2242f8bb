import type { ClientEvent } from './client-event.ts'
import { ClientError } from './client-error.ts'
import type { Runtime } from './runtime.ts'
import { SafeStore, storageFailed } from './safe-store.ts'
import { type Session, isSameToken } from './session.ts'
import type { SessionStore } from './session-store.ts'

/**
 * The session that a client keeps to, from its login or its first use until its next login or logout. A call that begins under
 * it goes out under it or not at all, whoever is logged in in the store by then.
 */
export interface OwnSession {
  /** As it was seen last. None: the first one that the store answers is it. */
  session?: Session | undefined
  /** What has been told, since the session is no longer in the store. */
  told?: 'session_ended' | 'session_changed' | undefined
  /** The refresh that is on its way, for whoever wants one. */
  refreshing?: Promise<Session> | undefined
}

export class SessionKeeper {
  readonly #store: SafeStore
  readonly #runtime: Runtime
  readonly #onEvent: (event: ClientEvent) => void
  #own: OwnSession = {}
  /** Of the last login or logout that was begun. */
  #turn = 0
  /** The newest token that came here, and when that was, by the clock that nobody sets. */
  #newest = { accessToken: '', receivedAt: 0 }

  constructor(store: SessionStore, runtime: Runtime, onEvent: (event: ClientEvent) => void) {
    this.#store = new SafeStore(store, runtime)
    this.#runtime = runtime
    this.#onEvent = onEvent
    store.subscribe?.(() => {
      if (this.#own.session) this.read(this.#own).catch(() => undefined)
    })
  }

  /** What a call that begins now keeps to. */
  get own(): OwnSession {
    return this.#own
  }

  /** @throws ClientError `not_logged_in`, `session_ended`, `session_changed`, `storage_failed` */
  async read(own: OwnSession): Promise<Session> {
    const kept = await this.#store.read()
    if (own !== this.#own) throw kept ? sessionChanged() : sessionEnded()
    own.session ??= kept ?? undefined
    if (own.session === undefined) throw notLoggedIn()
    if (kept?.sessionId === own.session.sessionId) {
      own.told = undefined
      return (own.session = kept)
    }
    const type = kept ? 'session_changed' : 'session_ended'
    const isNews = own.told !== type
    own.told = type
    if (isNews) this.#onEvent(type === 'session_changed' ? { type } : { type, reason: 'ended_elsewhere' })
    if (kept) throw sessionChanged()
    throw isNews ? sessionEnded() : notLoggedIn()
  }

  /**
   * Milliseconds since its access token came. Negative: the clock was set back. The longer one counts where there are two: one
   * clock may be set, and the other may stand still while the device sleeps.
   */
  ageOf({ accessToken, receivedAt }: Session): number {
    const age = this.#runtime.now() - receivedAt
    if (accessToken !== this.#newest.accessToken) return age
    return Math.max(age, this.#runtime.monotonic() - this.#newest.receivedAt)
  }

  /** Of a login that begins now, for `enter`. */
  nextTurn(): number {
    return ++this.#turn
  }

  /** @throws ClientError `session_changed` when another login or a logout was begun meanwhile, `storage_failed` */
  enter(session: Session, turn: number): Promise<void> {
    return this.#store.exclusively(async () => {
      if (turn !== this.#turn) throw sessionChanged()
      await this.#save(session)
      this.#own = { session }
    })
  }

  /**
   * Puts what a refresh brought in the place of what it was asked with; null: nothing, as the token was refused.
   *
   * @returns 'outdated' when the store held something else by then, which is left as it is
   * @throws ClientError `storage_failed`
   */
  replace(own: OwnSession, former: Session, next: Session | null): Promise<Session | null | 'outdated'> {
    return this.#store.exclusively(async () => {
      if (own !== this.#own || !isSameToken(await this.#store.load(), former)) return 'outdated'
      if (next === null) {
        await this.#store.clear()
        own.told = 'session_ended'
        this.#onEvent({ type: 'session_ended', reason: 'refused' })
        return null
      }
      await this.#save(next)
      own.session = next
      // Or it would be refreshed again and again.
      if (!isSameToken(next, former) && isSameToken(await this.#store.load(), former)) throw storageFailed()
      return own === this.#own ? next : 'outdated'
    })
  }

  /**
   * Forgets the own session; another one that is in the store stays there.
   *
   * @param tell is given the session, and answers whether the server knows
   * @returns what it answered, or true where there was no session
   * @throws ClientError `storage_failed`, when it has answered
   */
  async leave(tell: (session: Session) => Promise<boolean>): Promise<boolean> {
    this.#turn++
    const { session, told } = this.#own
    this.#own = {}
    let answer = session && tell(session)
    const forgotten = this.#store.exclusively(async () => {
      const kept = await this.#store.load().catch(async (error: unknown) => {
        await this.#store.clear()
        throw error
      })
      if (kept === null || (session && kept.sessionId !== session.sessionId)) return
      answer ??= tell(kept)
      await this.#store.clear()
    })
    // That it failed is thrown when the server knows.
    await forgotten.catch(() => undefined)
    const serverTold = await answer
    await forgotten
    if (answer && !told) this.#onEvent({ type: 'session_ended', reason: 'logged_out' })
    return serverTold ?? true
  }

  async #save(session: Session): Promise<void> {
    await this.#store.save(session)
    this.#newest = { accessToken: session.accessToken, receivedAt: this.#runtime.monotonic() }
  }
}

const notLoggedIn = () => new ClientError('not_logged_in', 'Nobody is logged in.')
const sessionEnded = () => new ClientError('session_ended', 'The session has ended. Log in again.')
const sessionChanged = () =>
  new ClientError('session_changed', 'Another session has taken the place of the one that this call began with.')
