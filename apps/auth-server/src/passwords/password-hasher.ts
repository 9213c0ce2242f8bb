import { hash, verify } from '@node-rs/argon2'
import PQueue from 'p-queue'

/** argon2id with the parameters of OWASP's cheat sheet: 19 MiB, two passes, one lane. About 20 ms of a core. */
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Requests that may wait for a hash: the last one waits about two seconds on one core. */
const MOST_WAITING = 64

/** Too many logins at once. The caller may come back in a moment. */
export class HasherBusy extends Error {}

/**
 * Hashes passwords in a bounded queue, a few at a time, so that a flood of logins takes neither the threads nor the cores
 * that refreshes need.
 */
export class PasswordHasher {
  readonly #queue: PQueue
  readonly #dummy: Promise<string>

  /** @param atOnce hashes that run at the same time. */
  constructor(atOnce: number) {
    this.#queue = new PQueue({ concurrency: atOnce })
    this.#dummy = hash('no password hashes to this', PARAMETERS)
  }

  /** A PHC string. @throws HasherBusy */
  async hash(password: string, signal?: AbortSignal): Promise<string> {
    return this.#run(() => hash(password, PARAMETERS), signal)
  }

  /** Takes the same time where there is no hash to compare with. @throws HasherBusy */
  async verify(passwordHash: string | null, password: string, signal?: AbortSignal): Promise<boolean> {
    const compared = passwordHash ?? (await this.#dummy)
    const matches = await this.#run(() => verify(compared, password), signal)
    return matches && passwordHash !== null
  }

  get waiting(): number {
    return this.#queue.size
  }

  async #run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#queue.size >= MOST_WAITING) throw new HasherBusy()
    // A request whose client went away gives its place to the next.
    return this.#queue.add(work, signal ? { signal } : {})
  }
}
