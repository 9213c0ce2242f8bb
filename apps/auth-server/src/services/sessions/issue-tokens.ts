import { randomUUID } from 'node:crypto'
import type { Config } from '../../config.ts'
import type { TokenSigner } from '../../keys/token-signer.ts'
import { accessTokenClaims } from '../../rules/access-token-claims.ts'
import { type Family, endOf } from '../../rules/family.ts'
import type { RefreshTokens } from '../../rules/refresh-token.ts'

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

export interface IssueParts {
  config: Pick<Config, 'issuer' | 'audience' | 'accessTokenTtlSeconds' | 'refreshPolicy' | 'statusTtlSeconds'>
  signer: Pick<TokenSigner, 'sign'>
  refreshTokens: Pick<RefreshTokens, 'issue'>
}

/**
 * Issues the tokens of one generation.
 * @param family its state after the redemption that is answered.
 * @param now the store's time in milliseconds.
 * @throws SignerBusy
 */
export async function issueTokens(
  { config, signer, refreshTokens }: IssueParts,
  family: Family,
  granted: { scope: string; roles: readonly string[] },
  generation: number,
  now: number,
): Promise<TokenAnswer> {
  const { issuer, audience, accessTokenTtlSeconds: ttlSeconds, refreshPolicy, statusTtlSeconds } = config
  const terms = { issuer, audience, ttlSeconds, hasStatus: statusTtlSeconds > 0 }
  const claims = accessTokenClaims(family, granted, terms, randomUUID(), now)
  return {
    access_token: await signer.sign(claims),
    token_type: 'Bearer',
    expires_in: ttlSeconds,
    refresh_token: refreshTokens.issue(family.id, generation),
    refresh_token_expires_in: Math.max(0, Math.floor((endOf(family, refreshPolicy) - now) / 1000)),
    scope: granted.scope,
    session_id: family.sid,
  }
}
