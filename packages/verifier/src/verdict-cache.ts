import type { VerificationKey } from './keys/verification-key.ts'

export interface CachedVerdict<Verdict> {
  readonly verdict: Verdict
  readonly key: VerificationKey
  /** Milliseconds since 1970: the token's own end, with the clock tolerance. */
  readonly endsAtMs: number
}

/** On the safe side: 1,485 bytes were measured for a token of 853 characters, its claims included. A character is a byte. */
const bytesFor = (token: string) => 700 + token.length

/**
 * Verdicts on good tokens, by the whole token: two tokens share a verdict only if they are the same string. Bad tokens
 * are not kept, so that nobody without a good token can displace one.
 *
 * Two generations bound its size. What is used moves to the young one; when that has grown to half of the limit it
 * becomes the old one, and what nobody asked for since is dropped with the old one, at no cost per entry.
 */
export class VerdictCache<Verdict> {
  readonly #halfBytes: number
  #young = new Map<string, CachedVerdict<Verdict>>()
  #old = new Map<string, CachedVerdict<Verdict>>()
  #youngBytes = 0
  #oldBytes = 0

  /** @param maxBytes 0 keeps nothing. */
  constructor(maxBytes: number) {
    this.#halfBytes = maxBytes / 2
  }

  get(token: string): CachedVerdict<Verdict> | undefined {
    const entry = this.#young.get(token)
    if (entry) return entry
    const older = this.#old.get(token)
    if (older) this.set(token, older)
    return older
  }

  set(token: string, entry: CachedVerdict<Verdict>) {
    const bytes = bytesFor(token)
    if (bytes > this.#halfBytes) return
    if (this.#youngBytes + bytes > this.#halfBytes) {
      this.#old = this.#young
      this.#oldBytes = this.#youngBytes
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(token, entry)
    this.#youngBytes += bytes
  }

  clear() {
    this.#young = new Map()
    this.#old = new Map()
    this.#youngBytes = 0
    this.#oldBytes = 0
  }

  /** An upper bound: a token that moved to the young generation is counted in both. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes
  }
}
