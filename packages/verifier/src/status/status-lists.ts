import type { Status } from '@heirloom/claims'
import type { KeySet } from '../keys/key-set.ts'
import type { Runtime } from '../remote/runtime.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { listAddress } from './list-address.ts'
import { statusListReader } from './read-status-list.ts'
import { StatusList, type StatusListEvent } from './status-list.ts'

export interface StatusOptions {
  /**
   * What happens to a token whose list is unavailable. `open`: it is accepted. `closed`: it is answered with 503, and the
   * client keeps it. `off`: no list is fetched or asked. Default: `open`, or `off` if `keys` are given.
   */
  readonly mode?: 'off' | 'open' | 'closed'
  /** How long a copy that the issuer does not confirm still calls tokens valid. Default: 300. */
  readonly maxStaleSeconds?: number
  /**
   * Asks the server to hold a request for up to this long until the list changes (RFC 7240, `Prefer: wait`). A proxy must not end
   * such a request earlier. A server that does not support this is asked every `ttl`. Default: 0, which does not ask for it.
   */
  readonly waitSeconds?: number
  /** Fetches the issuer's lists from here, in place of `issuer`. For networks where the issuer has another address inside. */
  readonly baseUrl?: string
  /** Beginnings of the addresses of lists that may be fetched besides those at the issuer's origin. */
  readonly allow?: readonly string[]
  /** Tokens of further lists are treated as if their list were unavailable. Each takes up to 2 MiB. Default: 16. */
  readonly maxLists?: number
  readonly onEvent?: (event: StatusEvent) => void
}

export type StatusEvent =
  | StatusListEvent
  /** A token names a list that this service must not fetch, or one too many. Reported once for each list. */
  | { readonly type: 'list_refused'; readonly uri: string; readonly reason: string }
  /** No token has named the list for an hour, so it is fetched no more. */
  | { readonly type: 'list_dropped'; readonly uri: string }

export interface StatusStats {
  readonly lists: number
  /** Since a list was confirmed, or first named if it never was: of the list where it is longest. Undefined without any. */
  readonly ageSeconds: number | undefined
  /** Memory of the lists. */
  readonly bytes: number
  /** Fetches, and those that failed. */
  readonly refreshes: number
  readonly failures: number
  /** Tokens that were accepted without their list, in the mode `open`. */
  readonly unchecked: number
}

/** A token's entry in its list. It is kept with the verdict on the token. */
export interface StatusEntry {
  readonly uri: string
  readonly index: number
  /** Undefined if the list must not be fetched. */
  list: StatusList | undefined
}

export interface StatusListsOptions {
  readonly issuer: string
  readonly status: StatusOptions & { readonly mode: 'open' | 'closed' }
  readonly keys: KeySet
  readonly timeoutMs: number
  readonly clockToleranceSeconds: number
  readonly runtime: Runtime
}

/** The most refused addresses that are remembered and reported. */
const MAX_REFUSED = 100

const notValid = refuse('token_revoked', 'The list of the issuer says that the token is no longer valid.')
const outOfRange = refuse('status_out_of_range', 'The list of the issuer has no entry with the index of the token.')
const unavailable = refuse('status_unavailable', 'The list that says whether the token was revoked cannot be had.')

/** The status lists that tokens name, fetched when a good token names one for the first time. */
export class StatusLists {
  readonly #options: StatusListsOptions
  readonly #read: ReturnType<typeof statusListReader>
  readonly #lists = new Map<string, StatusList>()
  readonly #refused = new Set<string>()
  #closed = false
  #refreshesOfDropped = 0
  #failuresOfDropped = 0
  #unchecked = 0

  constructor(options: StatusListsOptions) {
    this.#options = options
    const { issuer, keys, clockToleranceSeconds, runtime } = options
    this.#read = statusListReader({ issuer, keys, clockToleranceSeconds, now: runtime.now })
  }

  /** The entry that a token names; undefined if it names none. Its other claims must be good. */
  entryOf(status: Status | undefined): StatusEntry | undefined {
    const named = status?.status_list
    return named && { uri: named.uri, index: named.idx, list: this.#find(named.uri) }
  }

  /** Returns why the token is refused, or undefined if it is not. Waits only for the first fetch of a list. */
  check(entry: StatusEntry): Refusal | undefined | Promise<Refusal | undefined> {
    if (entry.list?.isValid(entry.index, this.#options.runtime.now())) return undefined
    if (!entry.list || entry.list.isClosed) entry.list = this.#find(entry.uri)
    const firstSight = entry.list?.firstSight()
    return firstSight ? firstSight.then(() => this.#judge(entry)) : this.#judge(entry)
  }

  stats(): StatusStats {
    const each = [...this.#lists.values()].map(({ stats }) => stats)
    const sum = (of: (stats: StatusList['stats']) => number) => each.reduce((total, stats) => total + of(stats), 0)
    return {
      lists: each.length,
      ageSeconds: each.length > 0 ? Math.max(...each.map(({ ageSeconds }) => ageSeconds)) : undefined,
      bytes: sum(({ bytes }) => bytes),
      refreshes: this.#refreshesOfDropped + sum(({ refreshes }) => refreshes),
      failures: this.#failuresOfDropped + sum(({ failures }) => failures),
      unchecked: this.#unchecked,
    }
  }

  close() {
    this.#closed = true
    for (const list of this.#lists.values()) list.close()
  }

  #judge({ list, index }: StatusEntry): Refusal | undefined {
    const standing = list?.standing(index, this.#options.runtime.now()) ?? 'unknown'
    switch (standing) {
      case 'valid':
        return undefined
      case 'not_valid':
        return notValid
      case 'out_of_range':
        return outOfRange
      case 'unknown':
        if (this.#options.status.mode === 'closed') return unavailable
        this.#unchecked++
        return undefined
    }
  }

  #find(uri: string): StatusList | undefined {
    const known = this.#lists.get(uri)
    if (known || this.#closed) return known
    const { issuer, status, timeoutMs, clockToleranceSeconds, runtime } = this.#options
    const { baseUrl, allow, maxLists = 16, maxStaleSeconds = 300, waitSeconds = 0 } = status
    const url = listAddress(uri, { issuer, baseUrl, allow })
    if (url === undefined) return this.#refuse(uri, 'its address is neither at the issuer nor allowed')
    if (this.#lists.size >= maxLists) return this.#refuse(uri, `tokens name more than ${maxLists} lists`)
    const list: StatusList = new StatusList({
      uri,
      url,
      maxStaleSeconds,
      waitSeconds,
      timeoutMs,
      clockToleranceSeconds,
      runtime,
      read: this.#read,
      emit: (event) => this.#emit(event),
      onIdle: () => this.#drop(uri, list),
    })
    this.#lists.set(uri, list)
    return list
  }

  #refuse(uri: string, reason: string): undefined {
    if (this.#refused.has(uri) || this.#refused.size >= MAX_REFUSED) return
    this.#refused.add(uri)
    this.#emit({ type: 'list_refused', uri, reason })
  }

  #drop(uri: string, list: StatusList) {
    const { refreshes, failures } = list.stats
    this.#refreshesOfDropped += refreshes
    this.#failuresOfDropped += failures
    list.close()
    this.#lists.delete(uri)
    this.#emit({ type: 'list_dropped', uri })
  }

  #emit(event: StatusEvent) {
    try {
      this.#options.status.onEvent?.(event)
    } catch {
      // A fault of the listener must not stop the refreshing.
    }
  }
}
