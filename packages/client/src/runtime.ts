/** What a client uses of its platform. Tests and simulations replace it. */
export interface Runtime {
  /** Milliseconds since 1970. This clock may be set. */
  readonly now: () => number
  /** Milliseconds since some moment. This clock is never set. */
  readonly monotonic: () => number
  readonly sleep: (milliseconds: number) => Promise<void>
  /** From 0 up to, but not including, 1. For jitter only. */
  readonly random: () => number
  readonly fetch: typeof globalThis.fetch
  /** Locks that the tabs share, if there are any. */
  readonly locks: Locks | undefined
}

/** The part of https://www.w3.org/TR/web-locks/ that the client uses. */
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
