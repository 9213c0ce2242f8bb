/** What the world gives a client. Replaced in tests, and in simulations on virtual time. */
export interface Runtime {
  /** Milliseconds since 1970. Somebody may set this clock. */
  readonly now: () => number
  /** Milliseconds since any moment. Nobody sets this clock. */
  readonly monotonic: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
  /** From 0 up to, not including, 1: for jitter only. */
  readonly random: () => number
  readonly fetch: typeof globalThis.fetch
  /** The tabs' common locks, where there are any. */
  readonly locks: Locks | undefined
}

/** The part of https://www.w3.org/TR/web-locks/ that is used. */
export interface Locks {
  request<T>(name: string, options: { signal: AbortSignal }, work: () => Promise<T>): Promise<T>
}

export const systemRuntime: Runtime = {
  now: Date.now,
  monotonic: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  random: Math.random,
  fetch: (...request) => globalThis.fetch(...request),
  // Node has `navigator` since 21 and its locks since 24.
  locks: (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks,
}
