import { ClientError } from './client-error.ts'
import type { Runtime } from './runtime.ts'
import { type Session, UNKNOWN, readSession } from './session.ts'
import type { SessionStore } from './session-store.ts'
import { within } from './within.ts'
import { withLock } from './with-lock.ts'

/** A store that does not answer must not block the client. */
const STORE_TIMEOUT_MS = 5_000

/** Reports faults of a store as `storage_failed`, and does one thing after the other in it. */
export function createSafeStore(store: SessionStore, { locks }: Runtime) {
  let working: Promise<unknown> = Promise.resolve()

  const load = (): Promise<Session | null> =>
    attempt(async () => {
      const kept = await store.load()
      return kept === UNKNOWN ? kept : readSession(kept)
    })

  return {
    load,

    /** Reads the store after this client's pending work on it. Not for use within that work. */
    async read(): Promise<Session | null> {
      await working
      return load()
    },

    /**
     * Runs work that reads the store and then writes it. No other such work of this client, or of others that share its locks,
     * runs meanwhile.
     */
    exclusively<T>(work: () => Promise<T>): Promise<T> {
      const { lockName } = store
      const done = working.then(() => withLock(locks, lockName && `${lockName}.write`, work))
      working = done.catch(() => undefined)
      return done
    },

    save: (session: Session): Promise<void> => attempt(() => store.save(session)),
    clear: (): Promise<void> => attempt(() => store.clear()),
  }
}

async function attempt<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await within(STORE_TIMEOUT_MS, work)
  } catch {
    // The store's error may quote a session.
    throw storageFailed()
  }
}

export const storageFailed = (): ClientError => new ClientError('storage_failed', 'The store failed.')
