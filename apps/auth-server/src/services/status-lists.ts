import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { deflate, gzip } from 'node:zlib'
import type { Config } from '../config.ts'
import { StoreUnavailable } from '../connection/store-unavailable.ts'
import type { TokenSigner } from '../keys/token-signer.ts'
import type { RevocationWatch } from '../replication/revocation-watch.ts'
import { uriOf } from '../rules/status-list.ts'

const [compress, encode] = [promisify(deflate), promisify(gzip)]

/**
 * Every answer has whatever was acknowledged this long ago. A changed list is signed at once, but not before this time since the
 * stores were read for the last signature.
 */
const LAG_MS = 1_000
/** Signed again even if it has not changed. All servers do so at the same time, so that their copies have the same ETag. */
const PERIOD_MS = 300_000
const LIVES_SECONDS = 600
/** A list that nobody asked for in this time is not kept up to date. */
const WANTED_FOR_MS = 60_000
/** Requests that are held at the same time. Others are answered at once. */
const MAX_WAITING = 5_000

/** A Status List Token (draft-ietf-oauth-status-list-21, section 5.1). */
export interface StatusList {
  jwt: string
  /** The same with `Content-Encoding: gzip`: its bits are in base64 twice, which costs three quarters of their size. */
  gzipped: Buffer
  etag: string
}

interface Parts {
  config: Pick<Config, 'issuer' | 'statusTtlSeconds'>
  signer: Pick<TokenSigner, 'signStatusList' | 'kidAt'>
  watch: Pick<RevocationWatch, 'additionsTo' | 'bitsOf' | 'knownAt' | 'lengthOf' | 'now' | 'onPoll' | 'poll'>
}

interface Slot {
  current: Built | null
  building: Promise<StatusList> | null
  /** When a request last named the list. */
  wantedAt: number
  /** Reads the stores once more, for the signature of a change that came too soon after the last one. */
  timer: NodeJS.Timeout | null
  readonly waiting: Set<Waiter>
}

/** A request that is held. */
interface Waiter {
  offer: (newer: StatusList) => void
  giveUp: () => void
}

/** What a list was built from. */
interface Built extends StatusList {
  /** It has whatever was acknowledged before then, by `performance.now()`. */
  asOf: number
  builtFrom: number
  additions: number
  length: number
  period: number
  kid: string
}

/** Builds the status lists, signs them, and keeps those that are wanted up to date. */
export class StatusLists {
  readonly #parts: Parts
  readonly #slots = new Map<number, Slot>()
  #isClosed = false
  #lastBuild = { bytes: 0, seconds: 0, at: NaN }

  constructor(parts: Parts) {
    this.#parts = parts
    parts.watch.onPoll(() => this.#keepUp())
  }

  /** For the metrics: the list that was built last. */
  get lastBuild(): { bytes: number; seconds: number; ageSeconds: number } {
    const { at, ...rest } = this.#lastBuild
    return { ...rest, ageSeconds: Number.isNaN(at) ? 0 : (performance.now() - at) / 1000 }
  }

  /** How many requests are held. */
  get waiting(): number {
    let waiting = 0
    for (const slot of this.#slots.values()) waiting += slot.waiting.size
    return waiting
  }

  /**
   * Null if there is no such list. @throws StoreUnavailable if neither store was read lately. An answer would tell services that
   * their copies are current, and another server may have revoked something since.
   */
  async get(list: number): Promise<StatusList | null> {
    const { watch } = this.#parts
    if (watch.lengthOf(list) === 0) {
      this.#slots.delete(list)
      return null
    }
    const slot = this.#slots.get(list) ?? {
      current: null,
      building: null,
      wantedAt: 0,
      timer: null,
      waiting: new Set(),
    }
    this.#slots.set(list, slot)
    slot.wantedAt = performance.now()
    const from = slot.wantedAt - LAG_MS
    let current = this.#currentOf(list, slot, from)
    if (current) return current
    // One that is under way may have begun long before.
    for (let polls = 0; polls < 2 && watch.knownAt < from; polls++) await watch.poll()
    if (watch.knownAt < from) throw new StoreUnavailable('Postgres', new Error('neither store was read lately'))
    // A build that was under way may be of an earlier time.
    while (!(current = this.#currentOf(list, slot, from))) await this.#build(list, slot)
    return current
  }

  /**
   * Waits for a list with another ETag, at most `ms`. Returns the current list if there is none by then, if too many wait, or
   * when the server stops. @throws StoreUnavailable as `get` does.
   */
  async next(list: number, current: StatusList, ms: number, signal: AbortSignal): Promise<StatusList> {
    const slot = this.#slots.get(list)
    if (!slot || this.#isClosed || this.waiting >= MAX_WAITING) return current
    const answered = await new Promise<StatusList>((resolve) => {
      const waiter: Waiter = {
        offer: (newer) => newer.etag !== current.etag && answer(newer),
        giveUp: () => answer(current),
      }
      const answer = (status: StatusList) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', waiter.giveUp)
        slot.waiting.delete(waiter)
        resolve(status)
      }
      const timer = setTimeout(waiter.giveUp, ms)
      signal.addEventListener('abort', waiter.giveUp)
      slot.waiting.add(waiter)
    })
    if (answered !== current || this.#isClosed || signal.aborted) return answered
    return (await this.get(list)) ?? current
  }

  /** Answers the requests that are held. */
  close(): void {
    this.#isClosed = true
    for (const { waiting, timer } of this.#slots.values()) {
      clearTimeout(timer ?? undefined)
      for (const { giveUp } of waiting) giveUp()
    }
  }

  /** After each poll. */
  #keepUp(): void {
    if (this.#isClosed) return
    for (const [list, slot] of this.#slots) {
      const isWanted = slot.waiting.size > 0 || performance.now() < slot.wantedAt + WANTED_FOR_MS
      if (!isWanted) continue
      const current = this.#currentOf(list, slot)
      if (current && !this.#isChanged(list, current)) continue
      const holdMs = current ? current.builtFrom + LAG_MS - performance.now() : 0
      if (holdMs > 0) this.#pollLater(slot, holdMs)
      else void this.#build(list, slot).catch(() => undefined)
    }
  }

  /** The stores are read once more: what was revoked just before need not wait for the signature after that. */
  #pollLater(slot: Slot, ms: number): void {
    slot.timer ??= setTimeout(() => {
      slot.timer = null
      void this.#parts.watch.poll()
    }, ms)
  }

  /** Null if there is none that has whatever was acknowledged before `from`, or if it must be signed again in any case. */
  #currentOf(list: number, { current }: Slot, from = -Infinity): Built | null {
    if (!current || this.#isOutdated(current)) return null
    if (!this.#isChanged(list, current)) current.asOf = this.#parts.watch.knownAt
    return current.asOf < from ? null : current
  }

  #isOutdated({ period, kid }: Built): boolean {
    const { watch, signer } = this.#parts
    return period !== periodOf(watch.now()) || kid !== signer.kidAt(watch.now())
  }

  #isChanged(list: number, { additions, length }: Built): boolean {
    const { watch } = this.#parts
    return additions !== watch.additionsTo(list) || length !== watch.lengthOf(list)
  }

  /** Concurrent callers share one build. */
  #build(list: number, slot: Slot): Promise<StatusList> {
    slot.building ??= this.#buildOnce(list, slot).finally(() => (slot.building = null))
    return slot.building
  }

  async #buildOnce(list: number, slot: Slot): Promise<StatusList> {
    const { config, watch, signer } = this.#parts
    const began = performance.now()
    const [now, builtFrom] = [watch.now(), watch.knownAt]
    const [length, additions, period, kid] = [
      watch.lengthOf(list),
      watch.additionsTo(list),
      periodOf(now),
      signer.kidAt(now),
    ]
    const compressed = await compress(watch.bitsOf(list), { level: 6 })
    const iat = Math.floor(now / 1000)
    const jwt = await signer.signStatusList({
      sub: uriOf(config.issuer, list),
      iat,
      exp: iat + LIVES_SECONDS,
      ttl: config.statusTtlSeconds,
      status_list: { bits: 1, lst: compressed.toString('base64url') },
    })
    const gzipped = await encode(jwt, { level: 1 })
    this.#lastBuild = { bytes: gzipped.length, seconds: (performance.now() - began) / 1000, at: began }
    // Weak: two servers that know the same have the same tag, although their signatures are of different moments.
    const hash = createHash('sha256').update(`${period} ${kid} ${config.statusTtlSeconds} `).update(compressed)
    const etag = `W/"${hash.digest('base64url')}"`
    const built = {
      jwt,
      gzipped,
      etag,
      asOf: builtFrom,
      builtFrom,
      additions,
      length,
      period,
      kid,
    }
    slot.current = built
    for (const { offer } of slot.waiting) offer(built)
    return built
  }
}

const periodOf = (now: number) => Math.floor(now / PERIOD_MS)
