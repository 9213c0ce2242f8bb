import type { ClientClaims, HeirloomClaims, UserClaims } from '@heirloom/claims'
import type { Json } from './attributes.ts'
import type { Grant } from './family.ts'
import { entryOf, uriOf } from './status-list.ts'

/** What an access token is issued for. */
export interface TokenTerms {
  issuer: string
  audience: string | readonly string[]
  ttlSeconds: number
  /** Whether the token of a session names its entry in a status list. */
  hasStatus: boolean
  /** Separated by spaces, or empty. */
  scope: string
}

/** A session, with the roles and the further claims that its tokens carry; or a client that acts for itself (RFC 6749, section 4.4). */
export type TokenSubject =
  | {
      session: Pick<Grant, 'sid' | 'userId' | 'clientId' | 'createdAt' | 'authTime' | 'statusIndex'>
      roles: readonly string[]
      claims: Readonly<Record<string, Json>>
    }
  | { clientId: string }

/** The claims of an access token (RFC 9068, section 2.2). `now` is the store's time in milliseconds since the epoch. */
export function accessTokenClaims(
  subject: TokenSubject,
  { issuer, audience, ttlSeconds, hasStatus, scope }: TokenTerms,
  jti: string,
  now: number,
): HeirloomClaims {
  const iat = Math.floor(now / 1000)
  const common = { iss: issuer, aud: audience, jti, iat, exp: iat + ttlSeconds, ...(scope !== '' && { scope }) }
  if (!('session' in subject)) {
    return { ...common, sub: subject.clientId, client_id: subject.clientId } satisfies ClientClaims
  }
  const { session, roles, claims } = subject
  const { list, idx } = entryOf(session.statusIndex)
  return {
    // First, so that they could take no other claim's place.
    ...claims,
    ...common,
    sub: session.userId,
    client_id: session.clientId,
    sid: session.sid,
    auth_time: Math.floor((session.authTime ?? session.createdAt) / 1000),
    roles,
    ...(hasStatus && { status: { status_list: { idx, uri: uriOf(issuer, list) } } }),
  } satisfies UserClaims
}
