import { INVALID_GRANT, refuse } from '../../refusal.ts'
import { refresh } from '../../sessions/refresh.ts'
import type { Grant } from '../grant.ts'

/** The same answer for every reason (RFC 6749, section 5.2). */
const INVALID_CODE = refuse('invalid_grant', 'The authorization code is not valid. Send the user to authorize again.')

/**
 * RFC 6749, section 4.1.3. A code is the first token of its family, so this is the redemption that a refresh token has. A code
 * that is presented wrongly does not verify, and nothing is spent.
 */
export const authorizationCodeGrant: Grant = async (core, { client, form, resources, scope, signal }) => {
  const { code, redirect_uri: redirectUri, code_verifier: verifier } = form
  if (code === undefined) return refuse('invalid_request', 'The parameter code is missing.')
  const token = core.codes.parse(code, { clientId: client.id, redirectUri, verifier })
  const result = await refresh(core, { token, takes: 'code', clientId: client.id, resources, scope, signal })
  if (!result.ok) return result === INVALID_GRANT ? INVALID_CODE : result
  if (client.grants.includes('refresh_token')) return result
  const { access_token, token_type, expires_in, scope: granted, session_id } = result
  return {
    ok: true,
    access_token,
    token_type,
    expires_in,
    ...(granted !== undefined && { scope: granted }),
    session_id,
  }
}
