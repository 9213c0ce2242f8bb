const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 30_000

/**
 * When the next request to the auth server may be sent. It outlives the call that failed, so a page that calls often during an
 * outage sends no more requests. Times are monotonic.
 */
export class Pace {
  #failures = 0
  #notBefore = 0

  waitMs(now: number): number {
    return Math.max(0, this.#notBefore - now)
  }

  /** @param retryAfterMs the server's Retry-After, which counts if it is longer than ours. @param random from 0 to 1. */
  failed(now: number, retryAfterMs: number, random: number): void {
    const delayMs = Math.max(retryAfterMs, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++))
    // Not before the server's time, and not all clients at once.
    this.#notBefore = now + delayMs * (1 + random / 2)
  }

  decided(): void {
    this.#failures = 0
    this.#notBefore = 0
  }
}
