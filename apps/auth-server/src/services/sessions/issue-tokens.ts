import { randomUUID } from 'node:crypto'
import type { Config } from '../../config.ts'
import type { TokenSigner } from '../../keys/token-signer.ts'
import { type TokenSubject, accessTokenClaims } from '../../rules/access-token-claims.ts'
import { attributeClaims } from '../../rules/attribute-claims.ts'
import { accessTokenTtlSeconds, policyOf } from '../../rules/client-policy.ts'
import { type Family, endOf } from '../../rules/family.ts'
import type { Client, Realm } from '../../rules/realm.ts'
import type { RefreshTokens } from '../../rules/refresh-token.ts'
import { audienceOf } from '../../rules/target.ts'
import type { AccountStatus } from '../../stores/account-status.ts'
import type { RecordEvent } from '../security-event.ts'

/** RFC 6749, section 5.1. Times in seconds. Without `scope`, the token has none. */
export interface AccessTokenAnswer {
  access_token: string
  token_type: 'Bearer'
  expires_in: number
  scope?: string
}

/** With the session's public id. */
export interface TokenAnswer extends AccessTokenAnswer {
  refresh_token: string
  refresh_token_expires_in: number
  authorization_expires_in: number
  session_id: string
}

export interface SignParts {
  config: Pick<Config, 'issuer' | 'accessTokenTtlSeconds' | 'statusTtlSeconds'>
  signer: Pick<TokenSigner, 'sign'>
}

export type IssueParts = SignParts & {
  config: Pick<Config, 'refreshAbsoluteTtlMs' | 'refreshPolicy'>
  refreshTokens: Pick<RefreshTokens, 'issue'>
  audit: RecordEvent
}

/** What a token is issued for, as it was decided. */
export interface TokenGrant {
  /** The realm and the client by which it was decided. */
  realm: Realm
  client: Client
  /** From rules/target.ts. */
  resources: readonly string[]
  /** From rules/scopes.ts. */
  scope: string
}

/**
 * Signs an access token for a session, or for a client without a user.
 * @param now the store's time in milliseconds.
 * @throws SignerBusy
 */
export async function issueAccessToken(
  { config, signer }: SignParts,
  subject: TokenSubject,
  { realm, client, resources, scope }: TokenGrant,
  now: number,
): Promise<AccessTokenAnswer> {
  const ttlSeconds = accessTokenTtlSeconds(realm, client, resources, config)
  const { issuer } = config
  const hasStatus = config.statusTtlSeconds > 0
  const terms = { issuer, audience: audienceOf(resources, issuer), ttlSeconds, hasStatus, scope }
  return {
    access_token: await signer.sign(accessTokenClaims(subject, terms, randomUUID(), now)),
    token_type: 'Bearer',
    expires_in: ttlSeconds,
    ...(scope !== '' && { scope }),
  }
}

/**
 * Issues the tokens of one generation.
 * @param family its state after the redemption that is answered.
 * @param granted the user's account among it. Only tokens of first-party clients carry its roles. Its attributes become the
 *   claims that the resources have.
 * @param now the store's time in milliseconds.
 * @throws SignerBusy
 */
export async function issueTokens(
  parts: IssueParts,
  family: Family,
  { account, ...granted }: TokenGrant & { account: Pick<AccountStatus, 'roles' | 'attributes'> },
  generation: number,
  now: number,
): Promise<TokenAnswer> {
  const { realm, client, resources } = granted
  const { claims, leftOut } = attributeClaims(realm, resources, account.attributes)
  if (leftOut.length > 0)
    parts.audit({ type: 'claims_left_out', userId: family.userId, sid: family.sid, claims: leftOut.join(' ') })
  const subject = { session: family, roles: client.firstParty ? account.roles : [], claims }
  const end = endOf(family, policyOf(realm, family.clientId, parts.config))
  return {
    ...(await issueAccessToken(parts, subject, granted, now)),
    refresh_token: parts.refreshTokens.issue(family.id, generation),
    refresh_token_expires_in: secondsUntil(end, now),
    authorization_expires_in: secondsUntil(family.expiresAt, now),
    session_id: family.sid,
  }
}

const secondsUntil = (end: number, now: number) => Math.max(0, Math.floor((end - now) / 1000))
