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
  /** Opens a channel between the tabs, if there is such a thing. */
  readonly channel: ((name: string) => Channel) | undefined
  /** What stays when a page closes. It gets no token. May throw: not every page may have it. */
  readonly storage: () => Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
}

/** The part of https://html.spec.whatwg.org/multipage/web-messaging.html#broadcastchannel that the client uses. */
export interface Channel {
  /** Sends to all other tabs. */
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
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
  // Older than Safari 15.4 and Node 15 there is none.
  channel: globalThis.BroadcastChannel && openChannel,
  storage: () => globalThis.localStorage,
}

function openChannel(name: string): Channel {
  const channel = new BroadcastChannel(name)
  // A page may be rendered in Node, whose process must be able to end.
  if (globalThis.process) (channel as { unref?: () => void }).unref?.()
  return channel
}
