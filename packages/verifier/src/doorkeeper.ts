const BITS = 2 ** 18
/** A quarter of the bits: until then at most a quarter of new numbers are taken for known ones, an eighth on average. */
const MOST = 2 ** 16

/**
 * Tells whether a number was shown to it before, by one bit each: 32 KiB, whatever comes. It forgets everything after
 * 65,536 new numbers, and two numbers may share a bit; so it answers a question where either mistake costs only time.
 * (TinyLFU: Einziger, Friedman and Manes, 2017, section 3.4.2.)
 */
export class Doorkeeper {
  readonly #bits = new Uint8Array(BITS / 8)
  #count = 0

  hasSeen(number: number): boolean {
    const at = (number & (BITS - 1)) >>> 3
    const bit = 1 << (number & 7)
    if (((this.#bits[at] ?? 0) & bit) !== 0) return true
    if (this.#count === MOST) {
      this.#bits.fill(0)
      this.#count = 0
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | bit
    this.#count++
    return false
  }
}
