import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import PQueue from 'p-queue'
import { Piscina } from 'piscina'
import { isCurrent } from './hashes/argon2.ts'

/** The longest queue. Its last request waits about two seconds on one core. */
const MAX_WAITING = 64

/** A request is rejected after this delay. Clients that retry at once would take the event loop from refreshes. */
const REJECTED_AFTER_MS = 500

/** If cores are short, a refresh goes before a login: the weight of `nice 5` is a third of the normal one. */
const NICE = 5

/** Too many logins at once. A retry in a moment may succeed. */
export class HasherBusy extends Error {}

/**
 * Hashes passwords on its own threads, a few at a time and with a bounded queue. So a flood of logins occupies neither the
 * threads nor the cores that refreshes need.
 */
export class PasswordHasher {
  readonly #queue: PQueue
  readonly #threads: Piscina
  readonly #dummy: Promise<string>

  /** @param atOnce how many hashes run at the same time. */
  constructor(atOnce: number) {
    this.#queue = new PQueue({ concurrency: atOnce })
    this.#threads = new Piscina({
      filename: fileURLToPath(new URL('hash-worker.ts', import.meta.url)),
      minThreads: 1,
      maxThreads: atOnce,
      niceIncrement: NICE,
    })
    this.#dummy = this.#onThread('hashPassword', 'no password hashes to this')
    // If the hasher is closed first, nobody awaits this.
    this.#dummy.catch(() => undefined)
  }

  /** A PHC string, of a password that was normalized. @throws HasherBusy */
  async hash(password: string, signal?: AbortSignal): Promise<string> {
    return this.#enqueue(() => this.#onThread('hashPassword', password), signal)
  }

  /**
   * Compares a password, as it was typed, with a hash of any kind. Returns null for a hash that cannot be read. That, and no
   * hash at all, take the time of one of our own.
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

  /** Whether `hash` would make a hash like this one. Otherwise, it should be replaced when the password is known. */
  isCurrent(passwordHash: string): boolean {
    return isCurrent(passwordHash)
  }

  /** About how many guesses find a password. @throws HasherBusy */
  async guesses(password: string, context: string[], signal?: AbortSignal): Promise<number> {
    return this.#enqueue(() => this.#onThread<number>('countGuesses', { password, context }), signal)
  }

  /** To be called before any other work for a login. @throws HasherBusy, after a delay, if the queue is full. */
  async assertRoom(signal?: AbortSignal): Promise<void> {
    if (this.#hasRoom()) return
    await sleep(REJECTED_AFTER_MS, undefined, { ...(signal && { signal }), ref: false })
    if (!this.#hasRoom()) throw new HasherBusy()
  }

  #hasRoom(): boolean {
    return this.#queue.size < MAX_WAITING
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
    // A request whose client has gone gives up its place. A hash that runs keeps its turn until it is done: to stop it would
    // cost the thread, and to start the next one beside it would fill the threads.
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
