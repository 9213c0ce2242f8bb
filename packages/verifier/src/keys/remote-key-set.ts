import type { Algorithm } from './algorithms.ts'
import { discoverJwksUri } from './discover-jwks-uri.ts'
import { type Fetched, type FetchLimits, fetchDocument } from './fetch-document.ts'
import { type KeySet, type Keys, readKeys } from './key-set.ts'
import { type Runtime, systemRuntime } from './runtime.ts'
import type { VerificationKey } from './verification-key.ts'

export interface RemoteKeySetOptions {
  readonly issuer: string
  /** The address of the JWK set. Default: the address in the issuer's metadata (RFC 8414). */
  readonly jwksUri?: string
  /** Default: RS256 only. */
  readonly algorithms?: readonly Algorithm[]
  /** The longest time between two fetches, and so how long a removed key is still accepted. Default: 300. */
  readonly refreshSeconds?: number
  /** How long the last good keys are kept while the issuer provides none. Default: 86,400 (a day). */
  readonly keepSeconds?: number
  /** The shortest time between two fetches that unknown key ids cause; with jitter, up to half as long again. Default: 30. */
  readonly cooldownSeconds?: number
  /** For one whole request. Default: 5,000. */
  readonly timeoutMs?: number
  /** The largest document. Default: 65,536. */
  readonly maxBytes?: number
  /** A set with more keys is refused. Default: 32. */
  readonly maxKeys?: number
  readonly onEvent?: (event: KeySetEvent) => void
  /** For tests and simulations; `fetch` also for a proxy. */
  readonly runtime?: Partial<Runtime>
}

export type KeySetEvent =
  /** Keys were added or removed. `ignored` says why others in the set were left out. */
  | {
      readonly type: 'keys_changed'
      readonly added: readonly string[]
      readonly removed: readonly string[]
      readonly ignored: readonly string[]
    }
  | { readonly type: 'keys_confirmed' }
  /** The current keys stay in force. `url` is the address of the request that failed. */
  | { readonly type: 'refresh_failed'; readonly reason: string; readonly url: string }
  /** The issuer confirmed nothing for `keepSeconds`, so there are no keys any more. */
  | { readonly type: 'keys_expired' }

export interface KeySetStats {
  readonly keys: number
  /** Seconds since the issuer last confirmed the keys; undefined before the first time. */
  readonly ageSeconds: number | undefined
  /** Fetches of the issuer's keys, those that failed, and those that an unknown key id caused. */
  readonly refreshes: number
  readonly failures: number
  readonly unknownKidRefetches: number
}

/** An issuer that allows less (`max-age=0`) is not asked more often. */
const SHORTEST_REFRESH_SECONDS = 60
const RETRY_MS = { first: 1_000, most: 60_000 }
/** While `ready()` waits for the first keys, a warning says after this time, and then repeatedly, why there are none. */
const WARN_MS = { first: 5_000, again: 60_000 }

/**
 * The keys of an issuer. They are fetched at once, and then before they are stale, with jitter. A request waits for a
 * fetch only if its token has an unknown key id. While the issuer is unreachable, the last good keys are kept.
 */
export class RemoteKeySet implements KeySet {
  readonly #options: Required<Omit<RemoteKeySetOptions, 'jwksUri' | 'runtime' | 'onEvent'>> &
    Pick<RemoteKeySetOptions, 'jwksUri' | 'onEvent'>
  readonly #runtime: Runtime
  readonly #ready: Promise<void>
  #settleReady: { resolve: () => void; reject: (reason: Error) => void } = { resolve() {}, reject() {} }
  #keys: Keys = new Map()
  #jwksUri: string | undefined
  #problem: string | undefined
  #etag: string | null = null
  #confirmedAt: number | undefined
  #refetchAllowedAt = -Infinity
  #inFlight: Promise<void> | undefined
  #fetchBeganAt = 0
  #cancelTimer: (() => void) | undefined
  #closed = false
  #failuresInARow = 0
  #refreshes = 0
  #failures = 0
  #unknownKidRefetches = 0

  constructor({ runtime, ...options }: RemoteKeySetOptions) {
    this.#options = {
      algorithms: ['RS256'],
      refreshSeconds: 300,
      keepSeconds: 86_400,
      cooldownSeconds: 30,
      timeoutMs: 5_000,
      maxBytes: 65_536,
      maxKeys: 32,
      ...options,
    }
    this.#runtime = { ...systemRuntime, ...runtime }
    this.#jwksUri = options.jwksUri
    this.#ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }))
    // Nobody may wait for it. Closing before there are keys must not be an unhandled rejection.
    this.#ready.catch(() => undefined)
    void this.#refresh()
  }

  get(kid: string): VerificationKey | undefined {
    return this.#keys.get(kid)
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /** Why the last fetch failed, after its address; undefined if it succeeded. */
  get problem(): string | undefined {
    return this.#problem
  }

  /**
   * Resolves when there are keys for the first time; rejects if the set is closed before. Waiting keeps the process alive,
   * which the timers between two attempts do not. Without an `onEvent`, a process warning says after five seconds, and then
   * every minute, why it still waits.
   */
  async ready(): Promise<void> {
    const warn = () => {
      if (this.#options.onEvent || !this.isEmpty) return
      const reason = this.#problem ?? 'no answer yet'
      process.emitWarning(`Still waiting for the keys of ${this.#options.issuer}. ${reason}`, 'HeirloomVerifierWarning')
    }
    const first = setTimeout(warn, WARN_MS.first)
    const again = setInterval(warn, WARN_MS.again)
    await this.#ready.finally(() => {
      clearTimeout(first)
      clearInterval(again)
    })
  }

  refetchForUnknownKid(): Promise<void> | undefined {
    if (this.#closed) return undefined
    if (this.#inFlight) return this.#withinTimeout(this.#inFlight)
    // A retry is scheduled already, and a flood of tokens must not hurry it.
    if (this.isEmpty) return undefined
    const now = this.#runtime.now()
    if (now < this.#refetchAllowedAt) return undefined
    // Jitter: a flood that reaches one replica reaches all, and they must not fetch in step while it lasts.
    this.#refetchAllowedAt = now + this.#options.cooldownSeconds * 1000 * (1 + this.#runtime.random() / 2)
    this.#unknownKidRefetches++
    return this.#withinTimeout(this.#refresh())
  }

  /**
   * The fetch, or the end of the time that one request may take: a fetch may be three, for metadata at two addresses and
   * for the keys. Undefined if that time is over.
   */
  #withinTimeout(fetching: Promise<void>): Promise<void> | undefined {
    const { timeoutMs } = this.#options
    const leftMs = Math.min(timeoutMs, this.#fetchBeganAt + timeoutMs - this.#runtime.now())
    if (leftMs <= 0) return undefined
    return new Promise((resolve) => {
      const cancelTimer = this.#runtime.setTimer(resolve, leftMs)
      void fetching.finally(() => {
        cancelTimer()
        resolve()
      })
    })
  }

  /** Stops fetching. The current keys stay in force. */
  close() {
    this.#closed = true
    this.#cancelTimer?.()
    this.#settleReady.reject(new Error('The key set was closed before it had any key.'))
  }

  stats(): KeySetStats {
    const confirmedAt = this.#confirmedAt
    return {
      keys: this.#keys.size,
      ageSeconds: confirmedAt === undefined ? undefined : (this.#runtime.now() - confirmedAt) / 1000,
      refreshes: this.#refreshes,
      failures: this.#failures,
      unknownKidRefetches: this.#unknownKidRefetches,
    }
  }

  /** One fetch at a time. Callers meanwhile get the same promise. */
  #refresh(scheduled = false): Promise<void> {
    this.#cancelTimer?.()
    this.#inFlight ??= this.#fetchAndTake(scheduled).finally(() => (this.#inFlight = undefined))
    return this.#inFlight
  }

  async #fetchAndTake(scheduled: boolean) {
    this.#refreshes++
    this.#fetchBeganAt = this.#runtime.now()
    const fetched = await this.#fetch()
    if (this.#closed) return
    const failure = fetched.ok ? this.#take(fetched) : fetched.reason
    if (failure === undefined && fetched.ok) {
      this.#problem = undefined
      const recovered = this.#failuresInARow > 0
      this.#failuresInARow = 0
      this.#confirmedAt = this.#runtime.now()
      this.#settleReady.resolve()
      this.#schedule(this.#untilRefresh(fetched.maxAgeSeconds, scheduled && !recovered))
    } else {
      this.#fail(failure ?? 'unknown', fetched.url)
    }
  }

  async #fetch(): Promise<Fetched & { url: string }> {
    const { issuer } = this.#options
    const limits: FetchLimits = this.#options
    if (this.#jwksUri === undefined) {
      const discovered = await discoverJwksUri(issuer, limits, this.#runtime)
      if (!discovered.ok) return discovered
      this.#jwksUri = discovered.jwksUri
    }
    const url = this.#jwksUri
    const fetched = await fetchDocument(url, limits, this.#runtime, this.#etag)
    // The keys may have moved, so the metadata are fetched again next time.
    if (!fetched.ok && fetched.status !== undefined && this.#options.jwksUri === undefined) {
      this.#jwksUri = undefined
      this.#etag = null
    }
    return { ...fetched, url }
  }

  /** Puts fetched keys in force. Returns the reason if it refuses them. */
  #take(fetched: Fetched & { ok: true }): string | undefined {
    if (!fetched.changed) {
      this.#emit({ type: 'keys_confirmed' })
      return undefined
    }
    const { algorithms, maxKeys } = this.#options
    const read = readKeys(fetched.document, this.#keys, algorithms, maxKeys)
    if (!read.ok) return read.reason
    const added = [...read.keys.keys()].filter((kid) => !this.#keys.has(kid))
    const removed = [...this.#keys.keys()].filter((kid) => !read.keys.has(kid))
    this.#keys = read.keys
    this.#etag = fetched.etag
    if (added.length > 0 || removed.length > 0) {
      this.#emit({ type: 'keys_changed', added, removed, ignored: read.ignored })
    } else {
      this.#emit({ type: 'keys_confirmed' })
    }
    return undefined
  }

  #fail(reason: string, address: string) {
    this.#failures++
    this.#failuresInARow++
    const url = withoutLogin(address)
    this.#problem = `${url}: ${reason}`
    this.#emit({ type: 'refresh_failed', reason, url })
    const age = this.#runtime.now() - (this.#confirmedAt ?? Infinity)
    if (!this.isEmpty && age >= this.#options.keepSeconds * 1000) {
      this.#keys = new Map()
      this.#etag = null
      this.#emit({ type: 'keys_expired' })
    }
    const delay = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** (this.#failuresInARow - 1))
    this.#schedule(delay * (0.5 + this.#runtime.random() / 2))
  }

  /**
   * Before the keys are stale. Many replicas see a start, an outage or an unknown key id at the same moment, so the jitter
   * after these is as large as it can be. After a scheduled refresh the replicas are spread already, and the jitter is a
   * hundredth.
   */
  #untilRefresh(maxAgeSeconds: number | undefined, steady: boolean): number {
    const { refreshSeconds } = this.#options
    const lifetime = Math.max(
      Math.min(refreshSeconds, maxAgeSeconds ?? refreshSeconds),
      Math.min(SHORTEST_REFRESH_SECONDS, refreshSeconds),
    )
    return lifetime * 1000 * (1 - this.#runtime.random() * (steady ? 0.01 : 0.9))
  }

  #schedule(milliseconds: number) {
    this.#cancelTimer = this.#runtime.setTimer(() => void this.#refresh(true), milliseconds)
  }

  #emit(event: KeySetEvent) {
    try {
      this.#options.onEvent?.(event)
    } catch {
      // A fault of the listener must not stop the refreshing.
    }
  }
}

/** A `jwksUri` may contain credentials, which must not reach a log. */
function withoutLogin(address: string): string {
  const url = new URL(address)
  if (!url.username && !url.password) return address
  url.username = ''
  url.password = ''
  return url.href
}
