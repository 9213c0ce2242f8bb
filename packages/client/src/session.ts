/** What a client keeps. Plain data, so that any store can hold it. */
export interface Session {
  readonly sessionId: string
  readonly scope: string
  readonly accessToken: string
  readonly refreshToken: string
  /** By this device's clock, in milliseconds since 1970. */
  readonly receivedAt: number
  readonly expiresAt: number
}

/** RFC 6750, section 2.1, and RFC 6749, appendix A.17: what else it may be, it could not be sent. */
const isToken = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** Reads a token response (RFC 6749, section 5.1). Null where it is none: a proxy may answer 200 with a page of its own. */
export function readTokenResponse(body: Record<string, unknown>, askedAt: number): Session | null {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: lifetime } = body
  const { session_id: sessionId, scope } = body
  if (!isToken(accessToken) || !isToken(refreshToken) || !isTime(lifetime) || lifetime <= 0) return null
  if (typeof sessionId !== 'string' || typeof scope !== 'string') return null
  // It was issued after the question was sent, so by this device's clock it cannot expire sooner.
  return { sessionId, scope, accessToken, refreshToken, receivedAt: askedAt, expiresAt: askedAt + lifetime * 1000 }
}

/** What a store answers may have been written by anything. */
export function isSession(value: unknown): value is Session {
  if (typeof value !== 'object' || value === null) return false
  const { sessionId, scope, accessToken, refreshToken, receivedAt, expiresAt } = value as Record<string, unknown>
  return (
    isToken(accessToken) &&
    isToken(refreshToken) &&
    isTime(receivedAt) &&
    isTime(expiresAt) &&
    typeof sessionId === 'string' &&
    typeof scope === 'string'
  )
}

const LONGEST_MARGIN_MS = 5_000

/** Whether a request that is sent now still arrives in time. */
export const isUsable = ({ receivedAt, expiresAt }: Session, now: number): boolean =>
  now < expiresAt - Math.min(LONGEST_MARGIN_MS, (expiresAt - receivedAt) / 20)

/** Whether it is time for the next token: in the last fifth to tenth of the lifetime. `jitter` is from 0 to 1. */
export const isDue = ({ receivedAt, expiresAt }: Session, now: number, jitter: number): boolean =>
  now >= expiresAt - (expiresAt - receivedAt) * (0.1 + 0.1 * jitter)
