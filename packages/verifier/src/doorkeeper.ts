const BITS = 2 ** 18
/** A quarter of the bits. So at most a quarter of new numbers are mistaken for known ones, and an eighth on average. */
const MAX_NUMBERS = 2 ** 16

/**
 * A set of numbers in 32 KiB, with one bit for each. It forgets everything after 65,536 new numbers, and two numbers may
 * share a bit. So it is good only if either mistake costs nothing but time.
 * (TinyLFU: Einziger, Friedman and Manes, 2017, section 3.4.2.)
 */
export class Doorkeeper {
  readonly #bits = new Uint8Array(BITS / 8)
  #count = 0

  hasSeen(number: number): boolean {
    const at = (number & (BITS - 1)) >>> 3
    const bit = 1 << (number & 7)
    if (((this.#bits[at] ?? 0) & bit) !== 0) return true
    if (this.#count === MAX_NUMBERS) {
      this.#bits.fill(0)
      this.#count = 0
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | bit
    this.#count++
    return false
  }
}
