import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import PQueue from 'p-queue'
import { Piscina } from 'piscina'

/** Requests that may wait for a hash: the last one waits about two seconds on one core. */
const MOST_WAITING = 64

/** Whoever is turned away learns it after this long: clients that ask again at once would take the loop from refreshes. */
const TURNED_AWAY_AFTER_MS = 500

/** Where cores are short, a refresh goes before a login: the weight of `nice 5` is a third of the usual one. */
const NICE = 5

/** Too many logins at once. The caller may come back in a moment. */
export class HasherBusy extends Error {}

/**
 * Hashes passwords on threads of its own, a few at a time and in a bounded queue, so that a flood of logins takes neither
 * the threads nor the cores that refreshes need.
 */
export class PasswordHasher {
  readonly #queue: PQueue
  readonly #threads: Piscina
  readonly #dummy: Promise<string>

  /** @param atOnce hashes that run at the same time. */
  constructor(atOnce: number) {
    this.#queue = new PQueue({ concurrency: atOnce })
    this.#threads = new Piscina({
      filename: fileURLToPath(new URL('hash-worker.ts', import.meta.url)),
      minThreads: 1,
      maxThreads: atOnce,
      niceIncrement: NICE,
    })
    this.#dummy = this.#onThread('hashPassword', 'no password hashes to this')
    // Closed before it was made, it has no one to tell.
    this.#dummy.catch(() => undefined)
  }

  /** A PHC string. @throws HasherBusy */
  async hash(password: string, signal?: AbortSignal): Promise<string> {
    return this.#enqueue(() => this.#onThread('hashPassword', password), signal)
  }

  /**
   * Takes the same time if there is no hash to compare with, or one of another kind, for which it answers null.
   * @throws HasherBusy
   */
  async verify(passwordHash: string | null, password: string, signal?: AbortSignal): Promise<boolean | null> {
    const compare = (hash: string) => this.#onThread<boolean | null>('verifyPassword', { passwordHash: hash, password })
    const dummy = await this.#dummy
    return this.#enqueue(async () => {
      const matches = await compare(passwordHash ?? dummy)
      if (matches === null) await compare(dummy)
      return passwordHash === null ? false : matches
    }, signal)
  }

  /** How many guesses find a password, about. @throws HasherBusy */
  async guesses(password: string, context: string[], signal?: AbortSignal): Promise<number> {
    return this.#enqueue(() => this.#onThread<number>('countGuesses', { password, context }), signal)
  }

  /** Asked before anything else is done for a login. @throws HasherBusy, after a while, where the queue is full. */
  async assertRoom(signal?: AbortSignal): Promise<void> {
    if (this.#hasRoom()) return
    await sleep(TURNED_AWAY_AFTER_MS, undefined, { ...(signal && { signal }), ref: false })
    if (!this.#hasRoom()) throw new HasherBusy()
  }

  #hasRoom(): boolean {
    return this.#queue.size < MOST_WAITING
  }

  get waiting(): number {
    return this.#queue.size
  }

  async close(): Promise<void> {
    await this.#threads.destroy()
  }

  async #onThread<Answer>(name: 'hashPassword' | 'verifyPassword' | 'countGuesses', task: unknown): Promise<Answer> {
    return this.#threads.run(task, { name }) as Promise<Answer>
  }

  async #enqueue<Answer>(work: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
    if (!this.#hasRoom()) throw new HasherBusy()
    // A request whose client went away gives its place to the next. One that is being hashed keeps its turn until it is
    // done: to stop it would cost the thread, and to let the next begin beside it would fill the threads.
    const waiting = new AbortController()
    const leave = () => waiting.abort(signal?.reason)
    if (signal?.aborted) leave()
    signal?.addEventListener('abort', leave)
    return this.#queue.add(
      () => {
        signal?.removeEventListener('abort', leave)
        return work()
      },
      { signal: waiting.signal },
    )
  }
}
