/** Plain data, so that any store can hold it. */
export interface Session {
  readonly sessionId: string
  /** Separated by spaces. Empty if the access token has none. */
  readonly scope: string
  readonly accessToken: string
  readonly refreshToken: string
  /** When the access token was asked for, in milliseconds since 1970 by this device's clock. */
  readonly receivedAt: number
  /** By the same clock. */
  readonly expiresAt: number
}

/** The refresh token of a session whose real one is in a cookie, which no script can read. */
const IN_COOKIE = 'in-cookie'

/** Stands for the session of a cookie that no tab has used yet. Only the auth server knows whether there is one. */
export const UNKNOWN: Session = {
  sessionId: '',
  scope: '',
  accessToken: '',
  refreshToken: IN_COOKIE,
  receivedAt: 0,
  expiresAt: 0,
}

/** RFC 6750, section 2.1, and RFC 6749, appendix A.17. Other characters could not be sent. */
const isToken = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

const isId = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** Reads a token response (RFC 6749, section 5.1). Null if it is not one: a proxy may answer 200 with its own page. */
export function readTokenResponse(body: Record<string, unknown>, askedAt: number, inCookie: boolean): Session | null {
  const { access_token: accessToken, expires_in: lifetime, session_id: sessionId, scope = '' } = body
  const refreshToken = inCookie ? IN_COOKIE : body['refresh_token']
  if (!isTime(lifetime) || lifetime <= 0) return null
  // The token was issued after the request was sent, so it cannot expire earlier than this.
  const expiresAt = askedAt + lifetime * 1000
  return readSession({ sessionId, scope, accessToken, refreshToken, receivedAt: askedAt, expiresAt })
}

/** Copies a session from a store, which anything may have written. Null if it is not a session. */
export function readSession(value: unknown): Session | null {
  if (typeof value !== 'object' || value === null) return null
  const { sessionId, scope, accessToken, refreshToken, receivedAt, expiresAt } = value as Record<string, unknown>
  if (!isToken(accessToken) || !isToken(refreshToken) || !isTime(receivedAt) || !isTime(expiresAt)) return null
  if (!isId(sessionId) || typeof scope !== 'string') return null
  return { sessionId, scope, accessToken, refreshToken, receivedAt, expiresAt }
}

const LONGEST_MARGIN_MS = 5_000

const lifetimeOf = ({ receivedAt, expiresAt }: Session) => expiresAt - receivedAt

/** Whether a request that is sent now arrives before the token expires. With a negative age the clock was set, so it is unknown. */
export const isUsable = (session: Session, ageMs: number): boolean =>
  ageMs >= 0 && ageMs < lifetimeOf(session) - Math.min(LONGEST_MARGIN_MS, lifetimeOf(session) / 20)

/** Whether a refresh is due, which begins in the last fifth to tenth of the lifetime. `jitter` is from 0 to 1. */
export const isDue = (session: Session, ageMs: number, jitter: number): boolean =>
  ageMs >= lifetimeOf(session) * (0.9 - 0.1 * jitter)

export const isSameToken = (a: Session | null, b: Session): boolean =>
  a?.sessionId === b.sessionId && a.accessToken === b.accessToken
