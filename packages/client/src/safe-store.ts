import { ClientError } from './client-error.ts'
import type { Runtime } from './runtime.ts'
import { type Session, UNKNOWN, readSession } from './session.ts'
import type { SessionStore } from './session-store.ts'
import { within } from './within.ts'
import { withLock } from './with-lock.ts'

/** A store that does not answer must not block the client. */
const STORE_TIMEOUT_MS = 5_000

/** Reports faults of a store as `storage_failed`, and does one thing after the other in it. */
export class SafeStore {
  readonly #store: SessionStore
  readonly #locks: Runtime['locks']
  #working: Promise<unknown> = Promise.resolve()

  constructor(store: SessionStore, { locks }: Runtime) {
    this.#store = store
    this.#locks = locks
  }

  /** Reads the store after this client's pending work on it. Not for use within that work. */
  async read(): Promise<Session | null> {
    await this.#working
    return this.load()
  }

  /**
   * Runs work that reads the store and then writes it. No other such work of this client, or of others that share its locks, runs
   * meanwhile.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const { lockName } = this.#store
    const name = lockName === undefined ? undefined : `${lockName}.write`
    const done = this.#working.then(() => withLock(this.#locks, name, work))
    this.#working = done.catch(() => undefined)
    return done
  }

  load(): Promise<Session | null> {
    return attempt(async () => {
      const kept = await this.#store.load()
      return kept === UNKNOWN ? kept : readSession(kept)
    })
  }

  save(session: Session): Promise<void> {
    return attempt(() => this.#store.save(session))
  }

  clear(): Promise<void> {
    return attempt(() => this.#store.clear())
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

export const storageFailed = (): ClientError =>
  new ClientError('storage_failed', 'The session could not be read from its store or written to it.')
