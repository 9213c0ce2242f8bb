import type { Algorithm } from './algorithms.ts'
import { discoverJwksUri } from './discover-jwks-uri.ts'
import { type DocumentStats, type Read, RemoteDocument, type Taken } from '../remote/remote-document.ts'
import { type Runtime, systemRuntime } from '../remote/runtime.ts'
import { parseStrictJson } from '../strict-json.ts'
import { type KeySet, type Keys, type ReadKeys, readKeys } from './key-set.ts'
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

export interface KeySetStats extends DocumentStats {
  readonly keys: number
  /** Fetches that an unknown key id caused. */
  readonly unknownKidRefetches: number
}

/** An issuer that allows less (`max-age=0`) is not asked more often. */
const SHORTEST_REFRESH_SECONDS = 60
type GoodKeys = ReadKeys & { ok: true }

/** A JWK set is at most four levels deep. */
const MAX_DEPTH = 8
const RETRY_MS = { first: 1_000, most: 60_000 }
/** While `ready()` waits for the first keys, a warning says after this time, and then repeatedly, why there are none. */
const WARN_MS = { first: 5_000, again: 60_000 }

/**
 * The keys of an issuer. They are fetched at once, and then before they are stale, with jitter. A request waits for a
 * fetch only if its token has an unknown key id. While the issuer is unreachable, the last good keys are kept.
 */
export class RemoteKeySet implements KeySet {
  readonly #options: Required<Omit<RemoteKeySetOptions, 'jwksUri' | 'runtime' | 'onEvent'>> &
    Pick<RemoteKeySetOptions, 'onEvent'>
  readonly #runtime: Runtime
  readonly #document: RemoteDocument<GoodKeys>
  readonly #ready: Promise<void>
  #settleReady: { resolve: () => void; reject: (reason: Error) => void } = { resolve() {}, reject() {} }
  #keys: Keys = new Map()
  #refetchAllowedAt = -Infinity
  #unknownKidRefetches = 0

  constructor({ runtime, jwksUri, ...options }: RemoteKeySetOptions) {
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
    const { issuer, timeoutMs, maxBytes } = this.#options
    const limits = { timeoutMs, maxBytes }
    this.#runtime = { ...systemRuntime, ...runtime }
    this.#ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }))
    // Nobody may wait for it. Closing before there are keys must not be an unhandled rejection.
    this.#ready.catch(() => undefined)
    this.#document = new RemoteDocument(
      {
        accept: 'application/json',
        limits,
        retryMs: RETRY_MS,
        locate: () =>
          jwksUri === undefined ? discoverJwksUri(issuer, limits, this.#runtime) : { ok: true, url: jwksUri },
        read: (text) => this.#read(text),
        take: (read, maxAgeSeconds) => this.#take(read, maxAgeSeconds),
        onFailure: (reason, url) => this.#onFailure(reason, url),
      },
      this.#runtime,
    )
    void this.#document.refresh()
  }

  get(kid: string): VerificationKey | undefined {
    return this.#keys.get(kid)
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /** Why the last fetch failed, after its address; undefined if it succeeded. */
  get problem(): string | undefined {
    return this.#document.problem
  }

  /**
   * Resolves when there are keys for the first time; rejects if the set is closed before. Waiting keeps the process alive,
   * which the timers between two attempts do not. Without an `onEvent`, a process warning says after five seconds, and then
   * every minute, why it still waits.
   */
  async ready(): Promise<void> {
    const warn = () => {
      if (this.#options.onEvent || !this.isEmpty) return
      const reason = this.problem ?? 'no answer yet'
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
    const document = this.#document
    if (document.isClosed) return undefined
    if (document.inFlight) return document.withinTimeout(document.inFlight)
    // A retry is scheduled already, and a flood of tokens must not hurry it.
    if (this.isEmpty) return undefined
    const now = this.#runtime.now()
    if (now < this.#refetchAllowedAt) return undefined
    // Jitter: a flood that reaches one replica reaches all, and they must not fetch in step while it lasts.
    this.#refetchAllowedAt = now + this.#options.cooldownSeconds * 1000 * (1 + this.#runtime.random() / 2)
    this.#unknownKidRefetches++
    return document.withinTimeout(document.refresh())
  }

  /** Stops fetching. The current keys stay in force. */
  close() {
    this.#document.close()
    this.#settleReady.reject(new Error('The key set was closed before it had any key.'))
  }

  stats(): KeySetStats {
    return { keys: this.#keys.size, ...this.#document.stats, unknownKidRefetches: this.#unknownKidRefetches }
  }

  #read(text: string): Read<GoodKeys> {
    const document = parseStrictJson(text, MAX_DEPTH)
    if (document === undefined) return { ok: false, reason: 'not strict JSON' }
    const { algorithms, maxKeys } = this.#options
    const read = readKeys(document, this.#keys, algorithms, maxKeys)
    return read.ok ? { ok: true, content: read } : read
  }

  #take(read: GoodKeys | undefined, maxAgeSeconds: number | undefined): Taken {
    const { refreshSeconds } = this.#options
    const { keys, ignored } = read ?? { keys: this.#keys, ignored: [] }
    const added = [...keys.keys()].filter((kid) => !this.#keys.has(kid))
    const removed = [...this.#keys.keys()].filter((kid) => !keys.has(kid))
    this.#keys = keys
    if (added.length > 0 || removed.length > 0) this.#emit({ type: 'keys_changed', added, removed, ignored })
    else this.#emit({ type: 'keys_confirmed' })
    this.#settleReady.resolve()
    const longest = Math.min(refreshSeconds, maxAgeSeconds ?? refreshSeconds)
    return { ok: true, freshMs: Math.max(longest, Math.min(SHORTEST_REFRESH_SECONDS, refreshSeconds)) * 1000 }
  }

  #onFailure(reason: string, url: string) {
    this.#emit({ type: 'refresh_failed', reason, url })
    const { ageSeconds = 0 } = this.#document.stats
    if (this.isEmpty || ageSeconds < this.#options.keepSeconds) return
    this.#keys = new Map()
    this.#document.forget()
    this.#emit({ type: 'keys_expired' })
  }

  #emit(event: KeySetEvent) {
    try {
      this.#options.onEvent?.(event)
    } catch {
      // A fault of the listener must not stop the refreshing.
    }
  }
}
