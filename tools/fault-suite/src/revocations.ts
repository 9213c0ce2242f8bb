import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'
import type { Ledger } from './ledger.ts'

/** How long a service may use a copy of the list. */
export const STATUS_TTL_SECONDS = 1
/** The shortest that the setting allows. */
export const MAX_STALE_SECONDS = 10
/** `STATUS_TTL_SECONDS` and a second. */
const BOUND_MS = STATUS_TTL_SECONDS * 1_000 + 1_000
const TRY_EVERY_MS = 100
/** After the repair: the longest pause of a service that could not fetch its list, and the bound. */
const SETTLES_WITHIN_MS = 10_000

/** A resource service and what it does with tokens whose list cannot be had. */
export interface ListReader {
  mode: 'open' | 'closed'
  url: string
  /** Its metrics. */
  opsUrl: string
}

interface Ended {
  token: string
  /** When the end of the session was acknowledged, by `performance.now()`. */
  at: number
  /** The services that accepted it when they were asked last. */
  left: Set<ListReader>
}

/** Presents the access tokens of ended sessions at resource services until each refuses them. */
export class Revocations {
  readonly #readers: readonly ListReader[]
  readonly #client: Client
  readonly #ledger: Ledger
  #ended: Ended[] = []
  /** How much later a server may see what another one did. */
  boundMs = 0

  constructor(readers: readonly ListReader[], client: Client, ledger: Ledger) {
    this.#readers = readers
    this.#client = client
    this.#ledger = ledger
  }

  /** To be called as soon as the end of the session was acknowledged. */
  add(accessToken: string): void {
    this.#ended.push({ token: accessToken, at: performance.now(), left: new Set(this.#readers) })
  }

  async watch(isOver: () => boolean): Promise<void> {
    for (; !isOver(); await sleep(TRY_EVERY_MS)) await this.#tryAll(false)
  }

  /** All services can fetch their lists again. */
  async settle(): Promise<void> {
    for (const until = performance.now() + SETTLES_WITHIN_MS; this.#ended.length > 0; await sleep(TRY_EVERY_MS))
      await this.#tryAll(performance.now() > until)
  }

  async #tryAll(isLast: boolean): Promise<void> {
    for (const reader of this.#readers) {
      const due = this.#ended.filter(
        ({ at, left }) => left.has(reader) && performance.now() > at + BOUND_MS + this.boundMs,
      )
      if (due.length === 0) continue
      // Before the tokens are tried: a copy that comes meanwhile must not count.
      const copy = await this.#copyOf(reader)
      await Promise.all(due.map((ended) => this.#try(reader, ended, copy, isLast)))
    }
    this.#ended = isLast ? [] : this.#ended.filter(({ left }) => left.size > 0)
  }

  async #try(reader: ListReader, ended: Ended, copy: Copy, isLast: boolean): Promise<void> {
    const { status, ms } = await this.#client.get(`${reader.url}/api/me`, ended.token)
    this.#ledger.noteBusy(ms)
    if (status === 401) ended.left.delete(reader)
    if (status !== 200) return
    const { mode } = reader
    if (isLast) return this.#ledger.breaks(10, `a service (${mode}) accepted a revoked token after the repair`)
    // Whether the issuer has confirmed a copy that must have the revocation. Its answer may have been under way for a while.
    const laterMs = copy.confirmedAt - ended.at
    if (laterMs > 1_000 + this.boundMs + this.#ledger.untouchedMs) {
      const how = `its list was confirmed ${laterMs.toFixed(0)} ms later, and answers took ${this.#ledger.untouchedMs.toFixed(0)} ms`
      this.#ledger.breaks(10, `a service (${mode}) accepted a revoked token: ${how}`)
    } else if (mode === 'closed' && performance.now() > copy.confirmedAt + (MAX_STALE_SECONDS + 1) * 1_000) {
      this.#ledger.breaks(10, 'a service (closed) accepted a token without its list')
    } else this.#ledger.noteUnchecked(mode)
  }

  async #copyOf({ opsUrl }: ListReader): Promise<Copy> {
    const now = performance.now()
    const text = await fetch(`${opsUrl}/metrics`).then((answer) => answer.text())
    const [, age] = /^heirloom_status_list_age_seconds (\S+)$/m.exec(text) ?? []
    if (age === undefined) throw new Error('the resource service does not say how old its list is')
    return { confirmedAt: now - Number(age) * 1_000 }
  }
}

interface Copy {
  confirmedAt: number
}
