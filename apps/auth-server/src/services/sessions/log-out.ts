import type { Core } from '../core.ts'
import { revoke } from './revoke.ts'

/**
 * Ends the session of a refresh token. Says nothing about a token that is not ours or not alive (RFC 7009, section 2.2).
 * One that is revoked already is revoked again: the first answer may have been a 503.
 */
export async function logOut(core: Core, refreshToken: string): Promise<void> {
  const token = core.refreshTokens.parse(refreshToken)
  const found = token && (await core.families.load(token.family))
  if (found) await revoke(core, [found.family], { at: found.now, reason: 'logout' })
}
