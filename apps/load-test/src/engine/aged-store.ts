import { type Session, type SessionStore, memoryStore } from '@heirloom/client'

export interface AgedStore extends SessionStore {
  /** Makes the session as old as one of a client that has been there for long, by chance: refreshes then come evenly. */
  age(): Promise<void>
  /** Of the newest session, when it has ended, too; empty before there was one. */
  readonly sessionId: string
}

/** Keeps sessions with a shorter lifetime than they have, where that is asked. */
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
      // Up to where it is due, and never younger than it is.
      const receivedAt = Math.min(session.receivedAt, Date.now() - Math.random() * 0.8 * lifetime)
      await store.save({ ...session, receivedAt, expiresAt: receivedAt + lifetime })
    },
  }
}
