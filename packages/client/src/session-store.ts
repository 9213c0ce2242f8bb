import { type Session, readSession } from './session.ts'

/**
 * Where a session is kept. `load` is called at every use, so it should be fast; it answers what `save` was given last, or
 * null. Each may throw, reject or take longer than five seconds: the caller gets `storage_failed`, and nothing is lost. Those
 * that were called earlier take effect earlier.
 *
 * Tabs, threads or processes may share one store. A client looks into it before it refreshes and before it saves, and
 * gives way to what it finds there.
 */
export interface SessionStore {
  load(): Session | null | Promise<Session | null>
  save(session: Session): void | Promise<void>
  clear(): void | Promise<void>
  /** Of the locks under which those who share the store refresh and write, one at a time. None: it is not shared. */
  readonly lockName?: string
  /**
   * Calls the listener whenever somebody else may have changed what is kept, for as long as the page lives. Without it a client
   * hears of a logout elsewhere at its next use.
   */
  subscribe?(listener: () => void): void
}

/** Forgets with the page or the process. */
export function memoryStore(): SessionStore {
  let kept: Session | null = null
  return {
    load: () => kept,
    save: (session) => void (kept = session),
    clear: () => void (kept = null),
  }
}

/** `localStorage` or `sessionStorage`: shared by the tabs of an origin, and readable by every script that runs in it. */
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
      // Fired in the other tabs, and not in the one that wrote. All was removed at once where there is no key.
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
