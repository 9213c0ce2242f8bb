import { type Session, readSession } from './session.ts'

/**
 * Keeps a session. `load` is called at every use, so it should be fast. It returns the last saved session, or null. If a method
 * throws, rejects or takes longer than five seconds, the caller gets `storage_failed`, and no session is lost. Calls must take
 * effect in their order.
 *
 * Tabs, threads or processes may share one store. A client reads it before it refreshes or saves, and adopts a newer session
 * that it finds.
 */
export interface SessionStore {
  load(): Session | null | Promise<Session | null>
  save(session: Session): void | Promise<void>
  clear(): void | Promise<void>
  /** The name of the locks for refreshes and writes of a shared store. Absent if it is not shared. */
  readonly lockName?: string
  /**
   * Calls the listener whenever another tab or process may have changed the session, until the page ends. Without it a client
   * notices a logout elsewhere at its next use.
   */
  subscribe?(listener: () => void): void
}

/** Keeps the session until the page or the process ends. */
export function memoryStore(): SessionStore {
  let kept: Session | null = null
  return {
    load: () => kept,
    save: (session) => void (kept = session),
    clear: () => void (kept = null),
  }
}

/** Keeps the session in `localStorage` or `sessionStorage`. Every script of the origin can read it. */
export function webStore(
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
  key = 'heirloom.session',
): SessionStore {
  return {
    load() {
      const text = storage.getItem(key)
      try {
        return readSession(JSON.parse(text ?? 'null'))
      } catch {
        return null
      }
    },
    save: (session) => storage.setItem(key, JSON.stringify(session)),
    clear: () => storage.removeItem(key),
    lockName: key,
    subscribe(listener) {
      const page = globalThis as {
        addEventListener?: (type: 'storage', listener: (event: StorageEvent) => void) => void
      }
      // It fires in the other tabs only. Without a key, everything was removed at once.
      page.addEventListener?.('storage', (event) => {
        if (event.storageArea === storage && (event.key ?? key) === key) listener()
      })
    },
  }
}

/** https://html.spec.whatwg.org/multipage/webstorage.html#the-storageevent-interface */
interface StorageEvent {
  key: string | null
  storageArea: unknown
}
