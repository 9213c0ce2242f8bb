import type { Runtime } from './runtime.ts'

const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 30_000

/**
 * When the next request to the auth server may be sent. It outlives the call that failed, so a page that calls often during an
 * outage sends no more requests.
 */
export function createPace({ monotonic, random }: Runtime) {
  let failures = 0
  let notBefore = 0

  return {
    waitMs: (): number => Math.max(0, notBefore - monotonic()),

    /** @param retryAfterMs the server's Retry-After, which counts if it is longer than ours. */
    failed(retryAfterMs = 0): void {
      const delayMs = Math.max(retryAfterMs, Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures++))
      // Not before the server's time, and not all clients at once.
      notBefore = monotonic() + delayMs * (1 + random() / 2)
    },

    decided(): void {
      failures = notBefore = 0
    },
  }
}
