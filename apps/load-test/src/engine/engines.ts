import { Worker } from 'node:worker_threads'
import type { Load } from './drive.ts'
import type { EngineOptions } from './engine.ts'
import type { Tick } from './tally.ts'
import type { Order, Word } from './thread.ts'

/** Shares a load among engines on threads of their own. */
export class Engines {
  readonly #threads: Worker[]

  constructor(count: number, options: EngineOptions) {
    const threads = Math.min(count, options.accounts.length)
    this.#threads = Array.from({ length: threads }, (_, i) => {
      const accounts = options.accounts.filter((_account, at) => at % threads === i)
      return new Worker(new URL('thread.ts', import.meta.url), { workerData: { ...options, accounts } })
    })
  }

  get count(): number {
    return this.#threads.length
  }

  async open(atOnce: number, onOpened: () => void): Promise<void> {
    const share = Math.max(1, Math.round(atOnce / this.#threads.length))
    await this.#order(
      () => ({ do: 'open', atOnce: share }),
      (word) => word.said === 'opened' && onOpened(),
    )
  }

  async retarget(apiUrls: string[]): Promise<void> {
    await this.#order(() => ({ do: 'retarget', apiUrls }))
  }

  /** Returns the number of samples. @param onTick called about once a second by each engine. */
  async run(load: Load, durationMs: number, onTick: (tick: Tick) => void = () => {}): Promise<number> {
    let count = 0
    const engines = this.count
    const share: Load =
      load.model === 'arrivals'
        ? { ...load, perSecond: load.perSecond / engines }
        : load.model === 'saturating'
          ? { ...load, inFlight: Math.ceil(load.inFlight / engines) }
          : load
    await this.#order(
      () => ({ do: 'run', load: share, durationMs }),
      (word) => {
        if (word.said !== 'tick') return
        count += word.tick.count
        onTick(word.tick)
      },
    )
    return count
  }

  async close(): Promise<void> {
    await this.#order(() => ({ do: 'close' }))
    await Promise.all(this.#threads.map((thread) => thread.terminate()))
  }

  async #order(order: () => Order, onWord: (word: Word) => void = () => {}): Promise<void> {
    await Promise.all(
      this.#threads.map(
        (thread) =>
          new Promise<void>((resolve, reject) => {
            const settle = (error?: Error) => {
              thread.off('message', listen).off('error', settle)
              if (error) reject(error)
              else resolve()
            }
            const listen = (word: Word) => {
              if (word.said === 'done') settle()
              else if (word.said === 'failed') settle(new Error(word.message))
              else onWord(word)
            }
            thread.on('message', listen).on('error', settle)
            // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
            thread.postMessage(order())
          }),
      ),
    )
  }
}
