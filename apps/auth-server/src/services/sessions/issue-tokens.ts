import { randomUUID } from 'node:crypto'
import { accessTokenClaims } from '../../rules/access-token-claims.ts'
import { successorEndsAt } from '../../rules/decide-refresh.ts'
import type { Family } from '../../rules/family.ts'
import type { Core } from '../core.ts'

/** RFC 6749, section 5.1, with the session's public id. Times in seconds. */
export interface TokenAnswer {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  refresh_token: string
  refresh_token_expires_in: number
  scope: string
  session_id: string
}

/** @param family as it stands with the redemption that is answered. `now` in milliseconds. @throws SignerBusy */
export async function issueTokens(
  { config, signer, refreshTokens }: Core,
  family: Family,
  granted: { scope: string; roles: readonly string[] },
  generation: number,
  now: number,
): Promise<TokenAnswer> {
  const { issuer, audience, accessTokenTtlSeconds: ttlSeconds, refreshPolicy } = config
  const claims = accessTokenClaims(family, granted, { issuer, audience, ttlSeconds }, randomUUID(), now)
  const endsAt = successorEndsAt(family.redeemedAt, family.expiresAt, refreshPolicy)
  return {
    access_token: await signer.sign(claims),
    token_type: 'Bearer',
    expires_in: ttlSeconds,
    refresh_token: refreshTokens.issue(family.id, generation),
    refresh_token_expires_in: Math.max(0, Math.floor((endsAt - now) / 1000)),
    scope: granted.scope,
    session_id: family.sid,
  }
}
