import type { Client } from '../../rules/realm.ts'
import type { Core } from '../core.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { revoke } from '../sessions/revoke.ts'
import { endSession } from '../sessions/sessions.ts'
import type { ReadAccessToken } from './own-access-tokens.ts'

type RevokeTokenParts = Pick<Core, 'families' | 'refreshTokens' | 'sessions' | 'clock' | 'audit' | 'realm'>

const ANOTHER_CLIENT = refuse('invalid_grant', 'The token was issued to another client.')

/**
 * Ends the session of a refresh token or an access token (RFC 7009, section 2.1). Durable when it returns. A token that is
 * unknown, has expired or whose session has ended is no error (section 2.2). A revoked session is revoked again, because the
 * first attempt may have been answered with a 503.
 */
export async function revokeToken(
  parts: RevokeTokenParts,
  readAccessToken: ReadAccessToken,
  client: Client,
  token: string,
): Promise<{ ok: true } | Refusal> {
  const refreshToken = parts.refreshTokens.parse(token)
  if (refreshToken) {
    const found = await parts.families.load(refreshToken.family)
    if (!found) return { ok: true }
    if (found.family.clientId !== client.id) return ANOTHER_CLIENT
    await revoke(parts, [found.family], { at: found.now, reason: 'logout' })
    return { ok: true }
  }
  const claims = await readAccessToken(token)
  if (!claims) return { ok: true }
  if (claims.client_id !== client.id) return ANOTHER_CLIENT
  const { sub, sid } = claims
  // Section 2.2.1. It stays good until it expires, so a 200 would be a lie.
  if (typeof sid !== 'string')
    return refuse('unsupported_token_type', 'This access token has no session, so it stays valid until it expires.')
  const ended = await endSession(parts, sub, sid, 'logout')
  return ended.ok || ended.error === 'not_found' ? { ok: true } : ended
}
