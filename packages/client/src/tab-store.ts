import type { Channel, Runtime } from './runtime.ts'
import { type Session, UNKNOWN, readSession } from './session.ts'
import type { SessionStore } from './session-store.ts'

/** What a tab knows. It only has what a script may have: the refresh token is in a cookie. */
export interface Known {
  /** Null after a logout, until the next login. */
  readonly session: Session | null
  /** Ids of sessions that are over. A late message of theirs changes nothing. */
  readonly ended: ReadonlySet<string>
}

/** What tabs tell each other. */
export type TabMessage =
  /** A login or a refresh has brought a new access token. */
  | { session: Session }
  /** The id of a session that is over. */
  | { ended: string }
  /** A refresh failed: the server's Retry-After in milliseconds, or 0. */
  | { failed: number }
  /** A tab asks for the newest access token, with a random number. */
  | { ask: number }
  /** ... and gets it, with that number. */
  | { answer: Session; to: number }

/** What a tab knows after a message. */
export function hear(known: Known, message: TabMessage): Known {
  if ('ended' in message) {
    const ended = new Set(known.ended).add(message.ended)
    // There is one cookie, so what a new tab would have found in it is over too.
    const isOver = known.session === UNKNOWN || known.session?.sessionId === message.ended
    return { ended, session: isOver ? null : known.session }
  }
  const session = carried(message)
  if (!session || known.ended.has(session.sessionId)) return known
  const { session: own } = known
  // An answer may be older than what this tab knows by now.
  if ('answer' in message && own?.sessionId && session.receivedAt <= own.receivedAt) return known
  if ('answer' in message && own?.sessionId !== session.sessionId && own !== UNKNOWN) return known
  return { ...known, session }
}

const carried = (message: TabMessage) =>
  'session' in message ? message.session : 'answer' in message ? message.answer : null

/** How long a tab that knows of no other one waits for an answer, which takes a few milliseconds. */
const ALONE_MS = 30
/** How long another tab may take to answer. Busy machines are slow, and browsers freeze tabs. */
const ANSWER_MS = 1_000

/** Keeps the access token in the memory of each tab, and tells the other tabs. */
export class TabStore implements SessionStore {
  readonly #channel: Channel | undefined
  readonly #flag: string
  readonly #runtime: Runtime
  /** The number in this tab's last question. */
  #asked = 0
  /** Whether this tab has ever heard another one. */
  #hasPeers = false
  #known: Known = { session: UNKNOWN, ended: new Set() }
  #listener = () => {}
  #news = () => {}
  /** How many logins, refreshes, failures and logouts of other tabs this tab has heard of. */
  heard = 0
  /** Called after a refresh of another tab: if it failed, with the server's Retry-After in milliseconds. Otherwise with null. */
  onOutcome: (retryAfterMs: number | null) => void = () => {}

  constructor(name: string, runtime: Runtime) {
    this.#flag = `${name}.logout`
    this.#runtime = runtime
    if (this.isLeaving) this.#known = { session: null, ended: new Set() }
    this.#channel = runtime.channel?.(name)
    this.#channel?.addEventListener('message', ({ data }) => this.#hear(Object(data) as TabMessage))
    this.#ask()
  }

  load(): Session | null {
    return this.#known.session
  }

  save(session: Session): void {
    // A login, and not the late refresh of a session that a user has left.
    if (session.sessionId !== this.#known.session?.sessionId) this.isLeaving = false
    this.#change({ session })
  }

  clear(): void {
    this.#change({ ended: this.#known.session?.sessionId ?? '' })
  }

  subscribe(listener: () => void): void {
    this.#listener = listener
  }

  failed(retryAfterMs: number): void {
    this.#tell({ failed: retryAfterMs })
  }

  /**
   * Asks the other tabs, and waits for the first answer. Not if they have said something since the count was `heard`. A lock may be
   * faster than the message of the tab that had it before, but no answer is.
   */
  async settle(heard: number): Promise<void> {
    if (heard !== this.heard || !this.#channel) return
    const news = new Promise<void>((resolve) => (this.#news = resolve))
    this.#ask()
    await Promise.race([news, this.#runtime.sleep(this.#hasPeers ? ANSWER_MS : ALONE_MS)])
  }

  /**
   * Whether a user logged out, and the auth server does not know yet. The cookie is still there, but nobody may come back by it.
   * A closed page must not forget that, so this is in `localStorage`.
   */
  get isLeaving(): boolean {
    return this.#stored((storage) => storage.getItem(this.#flag)) === '1'
  }

  set isLeaving(is: boolean) {
    this.#stored((storage) => (is ? storage.setItem(this.#flag, '1') : storage.removeItem(this.#flag)))
  }

  #stored<T>(work: (storage: ReturnType<Runtime['storage']>) => T): T | null {
    try {
      return work(this.#runtime.storage())
    } catch {
      return null
    }
  }

  #change(message: TabMessage): void {
    this.#known = hear(this.#known, message)
    this.#tell(message)
  }

  #tell(message: TabMessage): void {
    this.#channel?.postMessage(message)
  }

  #ask(): void {
    this.#asked = this.#runtime.random()
    this.#tell({ ask: this.#asked })
  }

  #hear(message: TabMessage): void {
    const { session } = this.#known
    this.#hasPeers = true
    if ('ask' in message) return void (session?.sessionId && this.#tell({ answer: session, to: message.ask }))
    // Another tab may run another version of the page.
    if (carried(message) && !readSession(carried(message))) return
    this.#known = hear(this.#known, message)
    if (!('answer' in message)) this.heard++
    if (!('answer' in message) || message.to === this.#asked) this.#news()
    if ('failed' in message) this.onOutcome(message.failed)
    if ('session' in message) this.onOutcome(null)
    this.#listener()
  }
}
