const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 30_000

/**
 * When the auth server may be asked again. It outlives the call that failed, so that a page which calls and calls during an
 * outage still asks no more often than this. Times are of a clock that nobody sets.
 */
export class Pace {
  #failures = 0
  #notBefore = 0

  waitMs(now: number): number {
    return Math.max(0, this.#notBefore - now)
  }

  /** @param retryAfterMs what the server asked for; it is heeded where it is longer than ours. @param random from 0 to 1. */
  failed(now: number, retryAfterMs: number, random: number): void {
    const delayMs = Math.max(retryAfterMs, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++))
    // Never sooner than the server said, and never all clients at once.
    this.#notBefore = now + delayMs * (1 + random / 2)
  }

  decided(): void {
    this.#failures = 0
    this.#notBefore = 0
  }
}
