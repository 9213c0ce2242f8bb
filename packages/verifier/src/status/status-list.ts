import { RemoteDocument, type DocumentSource, type Read, type Taken } from '../remote/remote-document.ts'
import type { Runtime } from '../remote/runtime.ts'
import { markNotValid } from './packed-statuses.ts'
import { MAX_LIST_BYTES, type StatusListCopy } from './read-status-list.ts'

export interface StatusListOptions {
  /** As tokens name it. */
  readonly uri: string
  /** Where it is fetched. */
  readonly url: string
  readonly maxStaleSeconds: number
  readonly waitSeconds: number
  readonly timeoutMs: number
  readonly clockToleranceSeconds: number
  readonly runtime: Runtime
  readonly read: (token: string, uri: string) => Promise<Read<StatusListCopy>>
  readonly emit: (event: StatusListEvent) => void
  /** No token has named the list for an hour. */
  readonly onIdle: () => void
}

export type StatusListEvent =
  | { readonly type: 'list_changed' | 'list_confirmed'; readonly uri: string }
  /** The copy in force stays. `url` is the address of the request that failed. */
  | { readonly type: 'list_failed'; readonly uri: string; readonly reason: string; readonly url: string }
  /** The issuer confirmed nothing for `maxStaleSeconds`, or the copy has expired: no token can be called valid by it. */
  | { readonly type: 'list_expired'; readonly uri: string }

/**
 * What the list says of an entry. `unknown`: there is no copy that may still call a token valid.
 */
export type ListedStatus = 'valid' | 'not_valid' | 'out_of_range' | 'unknown'

/** Where the issuer says neither `ttl` nor `max-age`. */
const DEFAULT_TTL_SECONDS = 60
const SHORTEST_TTL_SECONDS = 1
/** Longer than access tokens live, so that the bits that are dropped with the list matter to no token. */
const IDLE_MS = 3_600_000

/**
 * One status list, kept fresh while tokens name it.
 *
 * A status of one bit can only be VALID or INVALID, and INVALID is final: an entry belongs to one session for ever. So the
 * copies of such a list are joined by `or`, and a bit that was set stays set for as long as the list is kept. No copy of a
 * server that lags takes a revocation back, and the array has its full length from the start, so that no bit costs memory.
 * In lists of more bits, a status may be temporary (SUSPENDED). There the copy with the latest `iat` is in force.
 */
export class StatusList {
  readonly #options: StatusListOptions
  readonly #document: RemoteDocument<StatusListCopy>
  #notValid = new Uint8Array(0)
  #entries = 0
  /** Until when a clear bit means VALID. A set bit means it for ever. */
  #validUntilMs = -Infinity
  #copy: Pick<StatusListCopy, 'bitsPerStatus' | 'iat' | 'exp' | 'ttl'> | undefined
  readonly #bornAtMs: number
  #namedAtMs: number
  #saidExpired = true

  constructor(options: StatusListOptions) {
    this.#options = options
    const { url, waitSeconds, timeoutMs, runtime } = options
    const ttlMs = () => this.#ttlSeconds(undefined) * 1000
    this.#bornAtMs = runtime.now()
    this.#namedAtMs = this.#bornAtMs
    this.#document = new RemoteDocument<StatusListCopy>(
      {
        accept: 'application/statuslist+jwt',
        limits: { timeoutMs, maxBytes: MAX_LIST_BYTES },
        waitSeconds,
        // So that an outage does not make a fleet ask three times as often as it does without one.
        get retryMs() {
          return { first: Math.max(1_000, ttlMs() * 0.4), most: Math.min(60_000, ttlMs() * 2) }
        },
        locate: () => ({ ok: true, url }),
        read: (token) => options.read(token, options.uri),
        take: (copy, maxAgeSeconds) => this.#take(copy, maxAgeSeconds),
        onFailure: (reason, failedUrl) => this.#onFailure(reason, failedUrl),
      } satisfies DocumentSource<StatusListCopy>,
      runtime,
    )
    void this.#document.refresh()
  }

  /** Whether the entry is known to be VALID now. The check of every request: a comparison or two, and one bit. */
  isValid(index: number, nowMs: number): boolean {
    this.#namedAtMs = nowMs
    return (
      index < this.#entries &&
      nowMs < this.#validUntilMs &&
      ((this.#notValid[index >>> 3] ?? 0) & (1 << (index & 7))) === 0
    )
  }

  standing(index: number, nowMs: number): ListedStatus {
    if (this.isValid(index, nowMs)) return 'valid'
    if (index < this.#entries && ((this.#notValid[index >>> 3] ?? 0) & (1 << (index & 7))) !== 0) return 'not_valid'
    return nowMs < this.#validUntilMs ? 'out_of_range' : 'unknown'
  }

  /** The first fetch, which the requests that name the list wait for; undefined if there is nothing to wait for. */
  firstSight(): Promise<void> | undefined {
    const { inFlight, stats } = this.#document
    return inFlight && stats.refreshes === 1 ? this.#document.withinTimeout(inFlight) : undefined
  }

  get isClosed(): boolean {
    return this.#document.isClosed
  }

  get problem(): string | undefined {
    return this.#document.problem
  }

  get stats() {
    const {
      refreshes,
      failures,
      ageSeconds = (this.#options.runtime.now() - this.#bornAtMs) / 1000,
    } = this.#document.stats
    return { refreshes, failures, ageSeconds, bytes: this.#notValid.length }
  }

  close() {
    this.#document.close()
  }

  #take(copy: StatusListCopy | undefined, maxAgeSeconds: number | undefined): Taken {
    const { clockToleranceSeconds, maxStaleSeconds, uri, runtime } = this.#options
    const nowMs = runtime.now()
    if (copy) {
      if (copy.bitsPerStatus > 1 && copy.iat < (this.#copy?.iat ?? 0)) {
        return { ok: false, reason: 'the list is older than the copy in force' }
      }
      this.#join(copy)
    }
    const endsMs = ((this.#copy?.exp ?? Infinity) + clockToleranceSeconds) * 1000
    if (nowMs >= endsMs) {
      this.#document.forget()
      return { ok: false, reason: 'the list has expired' }
    }
    this.#validUntilMs = Math.min(endsMs, nowMs + maxStaleSeconds * 1000)
    this.#saidExpired = false
    this.#options.emit({ type: copy ? 'list_changed' : 'list_confirmed', uri })
    this.#dropIfIdle(nowMs)
    return { ok: true, freshMs: this.#freshMs(maxAgeSeconds) }
  }

  #join(copy: StatusListCopy) {
    const { bitsPerStatus, iat, exp, ttl } = copy
    const isJoined = bitsPerStatus === 1 && this.#copy?.bitsPerStatus === 1
    const entries = isJoined ? Math.max(copy.entries, this.#entries) : copy.entries
    if (!isJoined || entries > this.#entries) {
      const notValid = new Uint8Array(Math.ceil(entries / 8))
      if (isJoined) notValid.set(this.#notValid)
      this.#notValid = notValid
      this.#entries = entries
    }
    markNotValid(copy, this.#notValid)
    this.#copy = { bitsPerStatus, iat, exp, ttl }
  }

  /** The `ttl` and `exp` of a list take precedence over HTTP's headers (section "Status List Response"). */
  #freshMs(maxAgeSeconds: number | undefined): number {
    const { exp = Infinity } = this.#copy ?? {}
    const untilExp = exp - this.#options.runtime.now() / 1000
    return Math.max(SHORTEST_TTL_SECONDS, Math.min(this.#ttlSeconds(maxAgeSeconds), untilExp)) * 1000
  }

  #ttlSeconds(maxAgeSeconds: number | undefined): number {
    const { ttl = maxAgeSeconds ?? DEFAULT_TTL_SECONDS } = this.#copy ?? {}
    return Math.max(SHORTEST_TTL_SECONDS, Math.min(ttl, this.#options.maxStaleSeconds))
  }

  #onFailure(reason: string, url: string) {
    const { uri, emit, runtime } = this.#options
    emit({ type: 'list_failed', uri, reason, url })
    const nowMs = runtime.now()
    if (!this.#saidExpired && nowMs >= this.#validUntilMs) {
      this.#saidExpired = true
      emit({ type: 'list_expired', uri })
    }
    this.#dropIfIdle(nowMs)
  }

  #dropIfIdle(nowMs: number) {
    if (nowMs - this.#namedAtMs < IDLE_MS) return
    // A verdict that was kept may still refer to this list.
    this.#validUntilMs = -Infinity
    this.#options.onIdle()
  }
}
