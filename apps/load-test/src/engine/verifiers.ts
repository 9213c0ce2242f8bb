import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { VerifiersOptions, VerifiersOrder, VerifiersReport } from './verifiers-thread.ts'

const THREAD = new URL('verifiers-thread.ts', import.meta.url)
const GIVES_UP_MS = 60_000

/** Verifiers of resource services on several threads. */
export class Verifiers {
  readonly #threads: Worker[]

  /** @param authUrls a thread's verifiers all use one of them. */
  constructor(threads: number, authUrls: readonly string[], options: Omit<VerifiersOptions, 'authUrl'>) {
    this.#threads = Array.from({ length: threads }, (_, i) => {
      const authUrl = authUrls[i % authUrls.length] ?? ''
      const count = Math.ceil((options.count - i) / threads)
      return new Worker(THREAD, { workerData: { ...options, authUrl, count } satisfies VerifiersOptions })
    })
  }

  /** Returns when each verifier has a list and accepts the token. */
  async accept(token: string): Promise<void> {
    await this.#ask({ do: 'accept', token })
  }

  /** What came before does not count. */
  async beginToCount(): Promise<void> {
    await this.#ask({ do: 'count' })
  }

  /** The end of the token's session was acknowledged just now. */
  refuse(token: string): void {
    const at = performance.timeOrigin + performance.now()
    for (const thread of this.#threads) {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      thread.postMessage({ do: 'refuse', token, at } satisfies VerifiersOrder)
    }
  }

  async requests(): Promise<{ fetches: number; bytes: number }> {
    const reports = await this.#ask({ do: 'report' })
    const sum = (of: 'fetches' | 'bytes') => reports.reduce((total, report) => total + report[of], 0)
    return { fetches: sum('fetches'), bytes: sum('bytes') }
  }

  /** Waits until all tokens are refused everywhere. In milliseconds, one for each token and verifier, shortest first. */
  async delaysMs(): Promise<number[]> {
    for (const until = performance.now() + GIVES_UP_MS; ; await sleep(200)) {
      const reports = await this.#ask({ do: 'report' })
      if (reports.every(({ left }) => left === 0))
        return reports.flatMap(({ delaysMs }) => delaysMs).toSorted((one, other) => one - other)
      if (performance.now() > until) throw new Error('some verifiers still accept the tokens of ended sessions')
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()))
  }

  #ask(order: VerifiersOrder): Promise<VerifiersReport[]> {
    return Promise.all(
      this.#threads.map(async (thread) => {
        const answer = once(thread, 'message')
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        thread.postMessage(order)
        return ((await answer) as [VerifiersReport])[0]
      }),
    )
  }
}
