import type { Runtime } from './runtime.ts'
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
  /** A login or a refresh has brought a new access token. Or `to` a tab that asked with this number: the newest one. */
  | { session: Session; to?: number }
  /** The id of a session that is over. */
  | { ended: string }
  /** A refresh failed: the server's Retry-After in milliseconds, or 0. */
  | { failed: number }
  /** A tab asks for the newest access token, with a random number. */
  | { ask: number }
  /** A login or logout begins: the late answer to a refresh must not undo it. */
  | { stop: true }

/** What a tab knows after a message. */
export function hear(known: Known, message: TabMessage): Known {
  if ('ended' in message) {
    const ended = new Set(known.ended).add(message.ended)
    // There is one cookie, so what a new tab would have found in it is over too.
    const isOver = known.session === UNKNOWN || known.session?.sessionId === message.ended
    return { ended, session: isOver ? null : known.session }
  }
  if (!('session' in message) || known.ended.has(message.session.sessionId)) return known
  const [{ session: own }, { session }] = [known, message]
  // An answer may be older than what this tab knows by now.
  const isOld = own?.sessionId === session.sessionId ? session.receivedAt <= own.receivedAt : own !== UNKNOWN
  return 'to' in message && isOld ? known : { ...known, session }
}

/** How long a tab that knows of no other one waits for an answer, which takes a few milliseconds. */
const ALONE_MS = 30
/** How long another tab may take to answer. Busy machines are slow, and browsers freeze tabs. */
const ANSWER_MS = 1_000

/** Keeps the access token in the memory of each tab, and tells the other tabs. */
export interface TabStore extends SessionStore {
  load(): Session | null
  /** Called after a refresh of another tab: if it failed, with the server's Retry-After in milliseconds. Otherwise with null. */
  onOutcome: (retryAfterMs: number | null) => void
  /** Called when a login or logout begins in another tab: what this tab has asked for must not be answered after it. */
  onStop: () => void
  tell(message: TabMessage): void
  /**
   * Asks the other tabs, and waits until they have answered, or one of them has news. A lock may be faster than the message of the
   * tab that had it before, and so may the answers of the others, but not its own.
   */
  settle(): Promise<void>
  /**
   * Whether a user logged out, and the auth server does not know yet. The cookie is still there, but nobody may come back by it.
   * A closed page must not forget that, so this is in `localStorage`.
   */
  isLeaving: boolean
}

export function createTabStore(name: string, runtime: Runtime): TabStore {
  const flag = `${name}.logout`
  const channel = runtime.channel?.(name)
  /** The number in the last question of any tab, and how many others have asked or answered it. */
  let asked = 0
  let answers = 0
  /** Whether this tab has ever heard another one. */
  let hasPeers = false
  let listener = () => {}
  let news = (_isAnswer: boolean) => {}

  const stored = <T>(work: (storage: ReturnType<Runtime['storage']>) => T): T | null => {
    try {
      return work(runtime.storage())
    } catch {
      return null
    }
  }
  const tabs: TabStore = {
    onOutcome() {},
    onStop() {},
    load: () => known.session,
    save(session) {
      // A login, and not the late refresh of a session that a user has left.
      if (session.sessionId !== known.session?.sessionId) tabs.isLeaving = false
      change({ session })
    },
    clear: () => change({ ended: known.session?.sessionId ?? '' }),
    subscribe: (own) => void (listener = own),
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin
    tell: (message) => channel?.postMessage(message),

    async settle() {
      if (!channel) return
      const expected = answers
      const heard = new Promise<void>((resolve) => {
        news = (isAnswer) => (isAnswer && answers < expected ? undefined : resolve())
      })
      ask()
      await Promise.race([heard, runtime.sleep(hasPeers ? ANSWER_MS : ALONE_MS)])
    },

    get isLeaving() {
      return stored((storage) => storage.getItem(flag)) === '1'
    },
    set isLeaving(is) {
      stored((storage) => (is ? storage.setItem(flag, '1') : storage.removeItem(flag)))
    },
  }
  let known: Known = { session: tabs.isLeaving ? null : UNKNOWN, ended: new Set() }
  channel?.addEventListener('message', ({ data }) => receive(Object(data) as TabMessage))
  ask()
  return tabs

  function change(message: TabMessage): void {
    known = hear(known, message)
    tabs.tell(message)
  }

  function ask(): void {
    asked = runtime.random()
    answers = 0
    tabs.tell({ ask: asked })
  }

  function receive(message: TabMessage): void {
    const { session } = known
    hasPeers = true
    if ('ask' in message) {
      asked = message.ask
      answers = 1
      if (session?.sessionId) tabs.tell({ session, to: asked })
      return
    }
    if ('stop' in message) return tabs.onStop()
    // Another tab may run another version of the page.
    if ('session' in message && !readSession(message.session)) return
    known = hear(known, message)
    if ('to' in message) {
      if (message.to === asked) {
        answers++
        news(true)
      }
    } else if ('failed' in message) tabs.onOutcome(message.failed)
    else {
      if ('session' in message) tabs.onOutcome(null)
      news(false)
    }
    listener()
  }
}
