/** The clock, timers, randomness and network of a remote document. Tests and simulations replace them. */
export interface Runtime {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Calls back once after this many milliseconds. Returns a function that cancels it. Must not keep the process alive. */
  readonly setTimer: (callback: () => void, milliseconds: number) => () => void
  /** From 0 up to, but not including, 1. Used for jitter only. */
  readonly random: () => number
  readonly fetch: typeof globalThis.fetch
}

export const systemRuntime: Runtime = {
  now: Date.now,
  setTimer(callback, milliseconds) {
    const timer = setTimeout(callback, milliseconds).unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
  fetch: (...request) => globalThis.fetch(...request),
}
