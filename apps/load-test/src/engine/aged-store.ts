import { type Session, type SessionStore, memoryStore } from '@heirloom/client'

export interface AgedStore extends SessionStore {
  /** Gives the session a random age, as in a population of clients. Refreshes are then spread evenly. */
  age(): Promise<void>
  /** Of the newest session, even if it has ended. Empty before the first one. */
  readonly sessionId: string
}

/** A store that shortens the lifetime of access tokens. @param lifetimeMs null: as the server says. */
export function agedStore(lifetimeMs: number | null): AgedStore {
  const store = memoryStore()
  let sessionId = ''
  const lifetimeOf = ({ receivedAt, expiresAt }: Session) => Math.min(lifetimeMs ?? Infinity, expiresAt - receivedAt)
  return {
    load: () => store.load(),
    clear: () => store.clear(),
    save(session) {
      sessionId = session.sessionId
      return store.save({ ...session, expiresAt: session.receivedAt + lifetimeOf(session) })
    },
    get sessionId() {
      return sessionId
    },
    async age() {
      const session = await store.load()
      if (session === null) return
      const lifetime = lifetimeOf(session)
      // At most until the refresh is due, and never younger than it is.
      const receivedAt = Math.min(session.receivedAt, Date.now() - Math.random() * 0.8 * lifetime)
      await store.save({ ...session, receivedAt, expiresAt: receivedAt + lifetime })
    },
  }
}
