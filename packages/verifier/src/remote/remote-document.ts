import { type FetchLimits, type Fetched, fetchText } from './fetch-text.ts'
import type { Runtime } from './runtime.ts'

/** What the document is: where it comes from, what makes a copy good, and how long a copy is fresh. */
export interface DocumentSource<Content> {
  /** Media type. */
  readonly accept: string
  readonly limits: FetchLimits
  /** Of the pause after a failed fetch, which doubles each time. Half of it is jitter. */
  readonly retryMs: { readonly first: number; readonly most: number }
  /**
   * The server may hold a request for up to this long until the document changes (RFC 7240, `Prefer: wait`). A server that does not do so is
   * asked as if this were 0. Default: 0.
   */
  readonly waitSeconds?: number
  /** Where the document is. Called again after an answer that is not the document, because it may have moved. */
  locate(): Located | Promise<Located>
  /** Checks a copy. Must not throw or reject. */
  read(text: string): Read<Content> | Promise<Read<Content>>
  /** Puts a copy in force at once, or confirms the one in force if there is no other. A refusal must change nothing. */
  take(content: Content | undefined, maxAgeSeconds: number | undefined): Taken
  /** A fetch failed. The copy in force stays, unless the source gives it up and calls `forget`. */
  onFailure(reason: string, url: string): void
}

export type Located =
  | { readonly ok: true; readonly url: string }
  /** `url` is the address that was asked. */
  | { readonly ok: false; readonly reason: string; readonly url: string }

export type Read<Content> =
  { readonly ok: true; readonly content: Content } | { readonly ok: false; readonly reason: string }

export type Taken = { readonly ok: true; readonly freshMs: number } | { readonly ok: false; readonly reason: string }

export interface DocumentStats {
  /** Seconds since the server last confirmed the document; undefined before the first time. */
  readonly ageSeconds: number | undefined
  /** Fetches, and those that failed. */
  readonly refreshes: number
  readonly failures: number
}

type Answer = Fetched & { readonly url: string; readonly askedToWait: boolean }

/** The shortest time from one request that the server may hold to the next one, up to half of it shorter by jitter. */
const WAITING_PAUSE_MS = 1_000
/** A server that changes its list every second is met between two changes long before. */
const MANY_CHANGES = 8

/**
 * A document of another server that is kept fresh: fetched when asked for the first time, and from then on before the copy
 * is stale, with jitter and one request at a time. While the server provides nothing, the last good copy stays, and the
 * pauses grow. A key set is one, and so is a status list.
 */
export class RemoteDocument<Content> {
  readonly #source: DocumentSource<Content>
  readonly #runtime: Runtime
  #url: string | undefined
  /** Of the copy in force, and the address that it came from. */
  #copy: { readonly url: string; readonly etag: string } | undefined
  /** Whether the server holds requests; undefined until it was asked to. */
  #serverWaits: boolean | undefined
  /** Requests in a row that the server might have held, and answered with a change at once. */
  #changesAtOnce = 0
  #problem: string | undefined
  #confirmedAt: number | undefined
  #inFlight: Promise<void> | undefined
  #fetchBeganAt = 0
  #cancelTimer: (() => void) | undefined
  #closed = false
  #failuresInARow = 0
  #refreshes = 0
  #failures = 0

  constructor(source: DocumentSource<Content>, runtime: Runtime) {
    this.#source = source
    this.#runtime = runtime
  }

  /** Why the last fetch failed, after its address; undefined if it succeeded. */
  get problem(): string | undefined {
    return this.#problem
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** The fetch under way, if there is one. */
  get inFlight(): Promise<void> | undefined {
    return this.#inFlight
  }

  get stats(): DocumentStats {
    const confirmedAt = this.#confirmedAt
    return {
      ageSeconds: confirmedAt === undefined ? undefined : (this.#runtime.now() - confirmedAt) / 1000,
      refreshes: this.#refreshes,
      failures: this.#failures,
    }
  }

  /** One fetch at a time. Callers meanwhile get the same promise, which never rejects. */
  refresh(scheduled = false): Promise<void> {
    this.#cancelTimer?.()
    this.#inFlight ??= this.#fetchAndTake(scheduled).finally(() => (this.#inFlight = undefined))
    return this.#inFlight
  }

  /**
   * For a request that needs the document: the fetch, or the end of the time that one request may take, as a fetch may be
   * several. Undefined if that time is over.
   */
  withinTimeout(fetching: Promise<void>): Promise<void> | undefined {
    const { timeoutMs } = this.#source.limits
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

  /** The source gave up its copy, so the next answer has to be a whole one. */
  forget() {
    this.#copy = undefined
  }

  /** Stops fetching. The copy in force stays. */
  close() {
    this.#closed = true
    this.#cancelTimer?.()
  }

  async #fetchAndTake(scheduled: boolean) {
    this.#refreshes++
    this.#fetchBeganAt = this.#runtime.now()
    const fetched = await this.#fetch()
    if (this.#closed) return
    let read: Read<Content | undefined> = { ok: true, content: undefined }
    if (fetched.ok && fetched.text !== undefined) {
      const reading = this.#source.read(fetched.text)
      read = reading instanceof Promise ? await reading : reading
      if (this.#closed) return
    }
    if (!fetched.ok) this.#fail(fetched.reason, fetched.url)
    else if (!read.ok) this.#fail(read.reason, fetched.url)
    else this.#take(fetched, read.content, scheduled)
  }

  #take(fetched: Answer & { ok: true }, content: Content | undefined, scheduled: boolean) {
    const { url, etag, maxAgeSeconds, askedToWait, waited } = fetched
    const taken = this.#source.take(content, maxAgeSeconds)
    if (!taken.ok) {
      this.#fail(taken.reason, url)
      return
    }
    if (content !== undefined) this.#copy = etag ? { url, etag } : undefined
    this.#problem = undefined
    const steady = scheduled && this.#failuresInARow === 0
    this.#failuresInARow = 0
    this.#confirmedAt = this.#runtime.now()
    if (waited) [this.#serverWaits, this.#changesAtOnce] = [true, 0]
    // If a change came before the request, there was nothing to wait for, and the answer says little about the server.
    else if (askedToWait && (content === undefined || ++this.#changesAtOnce >= MANY_CHANGES)) this.#serverWaits = false
    const waitsNext = this.#mayWait && this.#serverWaits !== false
    this.#schedule(waitsNext ? this.#untilNextWait() : this.#untilRefresh(taken.freshMs, steady))
  }

  get #mayWait(): boolean {
    return this.#copy !== undefined && this.#copy.url === this.#url && (this.#source.waitSeconds ?? 0) > 0
  }

  async #fetch(): Promise<Answer> {
    if (this.#url === undefined) {
      const located = await this.#source.locate()
      if (!located.ok) return { ...located, askedToWait: false }
      this.#url = located.url
    }
    const url = this.#url
    const { accept, limits, waitSeconds = 0 } = this.#source
    const etag = this.#copy?.url === url ? this.#copy.etag : undefined
    const askedToWait = this.#mayWait
    const fetched = await fetchText(
      url,
      { accept, ...(etag && { 'if-none-match': etag }), ...(askedToWait && { prefer: `wait=${waitSeconds}` }) },
      askedToWait ? { ...limits, timeoutMs: limits.timeoutMs + waitSeconds * 1000 } : limits,
      this.#runtime,
    )
    if (!fetched.ok && fetched.status !== undefined) this.#url = undefined
    return { ...fetched, url, askedToWait }
  }

  #fail(reason: string, address: string) {
    this.#failures++
    this.#failuresInARow++
    const url = withoutLogin(address)
    this.#problem = `${url}: ${reason}`
    this.#source.onFailure(reason, url)
    const { first, most } = this.#source.retryMs
    const delay = Math.min(most, first * 2 ** (this.#failuresInARow - 1))
    this.#schedule(delay * (0.5 + this.#runtime.random() / 2))
  }

  /**
   * Before the copy is stale. Many replicas see a start, an outage or an unknown key id at the same moment, so the jitter
   * after these is as large as it can be. After a scheduled refresh the replicas are spread already, and the jitter is a
   * hundredth.
   */
  #untilRefresh(freshMs: number, steady: boolean): number {
    return freshMs * (1 - this.#runtime.random() * (steady ? 0.01 : 0.9))
  }

  /** A change ends the waiting of all replicas at once. They ask again within a second, each at its own time. */
  #untilNextWait(): number {
    const pauseMs = WAITING_PAUSE_MS * (1 - this.#runtime.random() / 2)
    return Math.max(0, this.#fetchBeganAt + pauseMs - this.#runtime.now())
  }

  #schedule(milliseconds: number) {
    if (this.#closed) return
    this.#cancelTimer = this.#runtime.setTimer(() => void this.refresh(true), milliseconds)
  }
}

/** An address may contain credentials, which must not reach a log. */
function withoutLogin(address: string): string {
  const url = new URL(address)
  if (!url.username && !url.password) return address
  url.username = ''
  url.password = ''
  return url.href
}
