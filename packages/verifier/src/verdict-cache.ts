import type { VerificationKey } from './keys/verification-key.ts'
import type { StatusEntry } from './status/status-lists.ts'
import { Doorkeeper } from './doorkeeper.ts'

export interface CachedVerdict<Verdict> {
  readonly token: string
  readonly verdict: Verdict
  readonly key: VerificationKey
  /** When the token ends, with the clock tolerance, in milliseconds since 1970. */
  readonly endsAtMs: number
  /** The token's entry in a status list, which is asked each time. Undefined if the token names none. */
  readonly entry: StatusEntry | undefined
}

/** A safe estimate: 1,485 bytes were measured for a token of 853 characters, claims included. A character is a byte. */
const bytesFor = (token: string) => 700 + token.length

/**
 * Verdicts on good tokens that arrived at least twice, as a token that arrives once would gain nothing. Two tokens share a
 * verdict only if they are the same string. Bad tokens are not kept, so nobody can displace a verdict without good tokens.
 *
 * Two generations bound the size. An entry that is used moves to the young one. When the young one reaches half of the
 * limit, it becomes the old one. The previous old one is dropped, with all that was not used since, at no cost per entry.
 */
export class VerdictCache<Verdict> {
  readonly #halfBytes: number
  readonly #doorkeeper = new Doorkeeper()
  // Keyed by number: with string keys, V8 would copy each token, forged ones too, into its own table.
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

  /** Keeps the verdict on a good token, unless it is the first one on this token. */
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

  /** An upper bound: an entry that moved to the young generation is counted in both. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes
  }
}

/**
 * The key of a token in the maps: 32 bits of its signature. The last character is left out, because it encodes fewer bits.
 * Two tokens may share a place; the later one then has it.
 */
function placeOf(token: string): number {
  let place = 0
  const end = token.length - 1
  for (let at = Math.max(0, end - 8); at < end; at++) place = (Math.imul(place, 31) + token.charCodeAt(at)) | 0
  return place
}
