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

/** A bit for each position, the first one in the least significant bit of the first byte (section 4.1). */
export function toBits(positions: Iterable<number>, length: number): Uint8Array {
  const bytes = new Uint8Array(length / 8)
  for (const idx of positions) if (idx < length) bytes[idx >>> 3] = (bytes[idx >>> 3] ?? 0) | (1 << (idx & 7))
  return bytes
}

/**
 * The revoked indexes that a server knows of, from any store. Copies merge by `or`: what is known is kept for its time, whatever
 * a store has lost since.
 */
export class RevokedIndexes {
  /** By list and position: when it was revoked last. */
  readonly #lists = new Map<number, Map<number, number>>()
  /** By list: how often a position was added. */
  readonly #additions = new Map<number, number>()

  get size(): number {
    let size = 0
    for (const positions of this.#lists.values()) size += positions.size
    return size
  }

  /** @param at by the same clock as in `drop`. */
  add(statusIndex: number, at: number): void {
    const { list, idx } = entryOf(statusIndex)
    const positions = this.#lists.get(list) ?? new Map<number, number>()
    this.#lists.set(list, positions)
    const known = positions.get(idx)
    if (known === undefined) this.#additions.set(list, this.additionsTo(list) + 1)
    if (known === undefined || known < at) positions.set(idx, at)
  }

  /** Forgets what was revoked before a time: no token of those sessions is valid any more. */
  drop(before: number): void {
    for (const positions of this.#lists.values())
      for (const [idx, at] of positions) if (at < before) positions.delete(idx)
  }

  /** Grows when the list does. Not when a position is dropped: that is no news. */
  additionsTo(list: number): number {
    return this.#additions.get(list) ?? 0
  }

  positionsIn(list: number): Iterable<number> {
    return this.#lists.get(list)?.keys() ?? []
  }
}
