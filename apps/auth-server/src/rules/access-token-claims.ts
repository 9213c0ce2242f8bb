import type { HeirloomClaims } from '@heirloom/claims'
import type { Grant } from './family.ts'

export interface TokenTerms {
  issuer: string
  audience: string
  ttlSeconds: number
}

/** The claims of an access token (RFC 9068, section 2.2). `now` is the store's time in milliseconds since the epoch. */
export function accessTokenClaims(
  session: Pick<Grant, 'sid' | 'userId' | 'clientId' | 'createdAt' | 'authTime'>,
  { scope, roles }: { scope: string; roles: readonly string[] },
  { issuer, audience, ttlSeconds }: TokenTerms,
  jti: string,
  now: number,
): HeirloomClaims {
  const iat = Math.floor(now / 1000)
  return {
    iss: issuer,
    aud: audience,
    sub: session.userId,
    client_id: session.clientId,
    sid: session.sid,
    jti,
    iat,
    exp: iat + ttlSeconds,
    auth_time: Math.floor((session.authTime ?? session.createdAt) / 1000),
    scope,
    roles,
  }
}
