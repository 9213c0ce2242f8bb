import { refuse } from '../../refusal.ts'
import { refresh } from '../../sessions/refresh.ts'
import type { Grant } from '../grant.ts'

/** RFC 6749, section 6. The same redemption as at `/auth/refresh`. */
export const refreshTokenGrant: Grant = async (core, { client, form, resources, scope, signal }) => {
  const { refresh_token: refreshToken } = form
  if (refreshToken === undefined) return refuse('invalid_request', 'The parameter refresh_token is missing.')
  const token = core.refreshTokens.parse(refreshToken)
  return refresh(core, { token, takes: 'oauth', clientId: client.id, resources, scope, signal })
}
