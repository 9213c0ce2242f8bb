import type { VerificationKey } from './keys/verification-key.ts'
import { Doorkeeper } from './doorkeeper.ts'

export interface CachedVerdict<Verdict> {
  readonly token: string
  readonly verdict: Verdict
  readonly key: VerificationKey
  /** Milliseconds since 1970: the token's own end, with the clock tolerance. */
  readonly endsAtMs: number
}

/** On the safe side: 1,485 bytes were measured for a token of 853 characters, its claims included. A character is a byte. */
const bytesFor = (token: string) => 700 + token.length

/**
 * Verdicts on good tokens that came twice: of one that comes once there is nothing to collect. Two tokens share a verdict
 * only if they are the same string. Bad tokens are not kept and leave no trace, so that nobody without good tokens can
 * displace one.
 *
 * Two generations bound its size. What is used moves to the young one; when that has grown to half of the limit it
 * becomes the old one, and what nobody asked for since is dropped with the old one, at no cost per entry.
 */
export class VerdictCache<Verdict> {
  readonly #halfBytes: number
  readonly #doorkeeper = new Doorkeeper()
  // By number: asked by a string, a Map has V8 copy each token that it meets, forged ones too, into a table of its own.
  #young = new Map<number, CachedVerdict<Verdict>>()
  #old = new Map<number, CachedVerdict<Verdict>>()
  #youngBytes = 0
  #oldBytes = 0

  /** @param maxBytes 0 keeps nothing. */
  constructor(maxBytes: number) {
    this.#halfBytes = maxBytes / 2
  }

  get(token: string): CachedVerdict<Verdict> | undefined {
    const place = placeOf(token)
    const entry = this.#young.get(place)
    if (entry?.token === token) return entry
    const older = this.#old.get(place)
    if (older?.token !== token) return undefined
    this.#keep(place, older)
    return older
  }

  /** Keeps the verdict on a good token, if it is not the first one on this token. */
  set(entry: CachedVerdict<Verdict>) {
    const place = placeOf(entry.token)
    if (this.#doorkeeper.hasSeen(place)) this.#keep(place, entry)
  }

  #keep(place: number, entry: CachedVerdict<Verdict>) {
    const bytes = bytesFor(entry.token)
    if (bytes > this.#halfBytes) return
    const replaced = this.#young.get(place)
    if (replaced) {
      this.#young.delete(place)
      this.#youngBytes -= bytesFor(replaced.token)
    }
    if (this.#youngBytes + bytes > this.#halfBytes) {
      this.#old = this.#young
      this.#oldBytes = this.#youngBytes
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(place, entry)
    this.#youngBytes += bytes
  }

  /** An upper bound: a token that moved to the young generation is counted in both. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes
  }
}

/**
 * Where a token is looked for: 32 bits of its signature. The last character is left out, as it is not a whole one. A place
 * is no name: two tokens may share one, and then the later one has it.
 */
function placeOf(token: string): number {
  let place = 0
  const end = token.length - 1
  for (let at = Math.max(0, end - 8); at < end; at++) place = (Math.imul(place, 31) + token.charCodeAt(at)) | 0
  return place
}
