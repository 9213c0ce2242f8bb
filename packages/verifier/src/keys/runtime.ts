/** What the world gives a key set. Replaced in tests, and in simulations on virtual time. */
export interface Runtime {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Calls once after so many milliseconds; the answer cancels it. It must not keep the process alive. */
  readonly setTimer: (callback: () => void, milliseconds: number) => () => void
  /** From 0 up to, not including, 1: for jitter only. */
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
