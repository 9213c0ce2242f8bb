// Token Status List (draft-ietf-oauth-status-list-21), with one bit for each session. Each session has an index that no other
// one ever gets; a list has 2^24 of them.

const INDEXES_IN_A_LIST = 2 ** 24
/** A list grows by this many bits at a time: 128 KiB, which compress to about 130 bytes while nobody logs out. */
const LENGTH_STEP = 2 ** 20
/** A list is longer than what was given so far by this much, since an index beyond the end of a copy is refused. */
const AHEAD = 2 ** 19

/** The list of a session, and its position there. */
export function entryOf(statusIndex: number): { list: number; idx: number } {
  return { list: Math.floor(statusIndex / INDEXES_IN_A_LIST), idx: statusIndex % INDEXES_IN_A_LIST }
}

export const uriOf = (issuer: string, list: number): string => `${issuer}/status/${list}`

/**
 * How many bits a list has. 0: it has none yet.
 * @param given how many indexes were given so far, in all lists.
 */
export function lengthOf(list: number, given: number): number {
  const needed = given + AHEAD - list * INDEXES_IN_A_LIST
  return Math.min(INDEXES_IN_A_LIST, Math.max(0, Math.ceil(needed / LENGTH_STEP) * LENGTH_STEP))
}

/** Two minutes. A revocation is kept for up to this much longer than need be. */
const INTERVAL_MS = 120_000

/** Bits of a list, each interval's own, and of all together. They are as long as the highest one that was ever set. */
interface ListBits {
  byInterval: Map<number, Uint8Array>
  all: Uint8Array
  /** How often a bit of `all` was set. */
  additions: number
}

/**
 * The revoked indexes that a server knows of, from any store. Copies merge by `or`: what is known is kept for its time, whatever
 * a store has lost since. Bits take the same memory however many are set, and a restore may revoke every session at once.
 */
export class RevokedIndexes {
  readonly #lists = new Map<number, ListBits>()

  /** @param at by the same clock as in `drop`. */
  add(statusIndex: number, at: number): void {
    const { list, idx } = entryOf(statusIndex)
    const bits = this.#lists.get(list) ?? { byInterval: new Map(), all: new Uint8Array(), additions: 0 }
    this.#lists.set(list, bits)
    const interval = Math.floor(at / INTERVAL_MS)
    bits.byInterval.set(interval, withBit(bits.byInterval.get(interval) ?? new Uint8Array(), idx))
    if (!isSet(bits.all, idx)) bits.additions++
    bits.all = withBit(bits.all, idx)
  }

  /** Forgets what was revoked before a time: no token of those sessions is valid any more. */
  drop(before: number): void {
    for (const bits of this.#lists.values()) {
      const over = [...bits.byInterval.keys()].filter((interval) => (interval + 1) * INTERVAL_MS <= before)
      if (over.length === 0) continue
      for (const interval of over) bits.byInterval.delete(interval)
      bits.all = new Uint8Array(bits.all.length)
      // 32 bits at a time.
      const words = new Uint32Array(bits.all.buffer)
      for (const { buffer } of bits.byInterval.values()) {
        const some = new Uint32Array(buffer)
        for (let i = 0; i < some.length; i++) words[i] = (words[i] ?? 0) | (some[i] ?? 0)
      }
    }
  }

  /** Grows when the list does. Not when something is dropped: that is no news. */
  additionsTo(list: number): number {
    return this.#lists.get(list)?.additions ?? 0
  }

  /** A bit for each position of a list, the first one in the least significant bit of the first byte (section 4.1). */
  bitsOf(list: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length / 8)
    bytes.set((this.#lists.get(list)?.all ?? bytes).subarray(0, bytes.length))
    return bytes
  }

  /** How many sessions of all lists are revoked. */
  count(): number {
    let count = 0
    for (const { all } of this.#lists.values())
      for (const byte of all) for (let rest = byte; rest > 0; rest &= rest - 1) count++
    return count
  }
}

const isSet = (bits: Uint8Array, idx: number): boolean => (((bits[idx >>> 3] ?? 0) >>> (idx & 7)) & 1) === 1

/** The same bits with one more set. They are copied only if they must become longer. */
function withBit(bits: Uint8Array, idx: number): Uint8Array {
  let long = bits
  if (idx >= bits.length * 8) {
    long = new Uint8Array((Math.ceil((idx + 1) / LENGTH_STEP) * LENGTH_STEP) / 8)
    long.set(bits)
  }
  long[idx >>> 3] = (long[idx >>> 3] ?? 0) | (1 << (idx & 7))
  return long
}
