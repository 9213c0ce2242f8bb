import { type Session, isSession } from './session.ts'

/**
 * Where a session is kept. `load` is called at every use, so it should be fast; it answers what `save` was given last, or
 * null. Each may throw or reject: the caller gets `storage_failed`, and nothing is lost.
 *
 * Tabs, threads or processes may share one store. A client looks into it before it refreshes and before it saves, and
 * gives way to what it finds there.
 */
export interface SessionStore {
  load(): Session | null | Promise<Session | null>
  save(session: Session): void | Promise<void>
  clear(): void | Promise<void>
  /** Of the lock under which those who share the store refresh, one at a time. None: it is not shared. */
  readonly lockName?: string
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
        const value: unknown = JSON.parse(text ?? 'null')
        return isSession(value) ? value : null
      } catch {
        return null
      }
    },
    save: (session) => storage.setItem(key, JSON.stringify(session)),
    clear: () => storage.removeItem(key),
    lockName: key,
  }
}
