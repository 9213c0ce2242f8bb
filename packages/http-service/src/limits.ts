/** A request must be complete this many milliseconds after it began. Node checks once a second. */
const REQUEST_TIMEOUT_MS = 8_000

/** Fastify's options: no request takes longer, and none is larger. */
export const LIMITS = {
  /** No body of ours comes near this: a password may have 1,024 bytes. */
  bodyLimit: 16 * 1024,
  requestTimeout: REQUEST_TIMEOUT_MS,
  http: { connectionsCheckingInterval: 1_000, headersTimeout: REQUEST_TIMEOUT_MS },
  routerOptions: { maxParamLength: 200 },
} as const

/**
 * Requests without an answer on one connection. Browsers and `fetch` send one at a time. Each of a thousand that arrive
 * at once would hold its memory.
 */
export const MAX_UNANSWERED = 32
