import { narrowScope } from '../../../rules/scopes.ts'
import { targetOfToken } from '../../../rules/target.ts'
import { refuse } from '../../refusal.ts'
import { issueAccessToken } from '../../sessions/issue-tokens.ts'
import type { Grant } from '../grant.ts'

/** RFC 6749, section 4.4: a client that acts for itself. There is no session and no refresh token (section 4.4.3). */
export const clientCredentialsGrant: Grant = async (core, { realm, client, resources: asked, scope: askedScope }) => {
  // Anyone who knows its id could act as a public client (section 4.4).
  if (client.auth === 'none') return refuse('unauthorized_client', 'A client without a secret cannot act for itself.')
  const target = targetOfToken({ client, asked, issuer: core.config.issuer }, null)
  if (!target.ok) return refuse('invalid_target', target.description)
  const { resources } = target
  const scope = narrowScope(realm, { client, resources, roles: null, asked: askedScope })
  if (scope === null) return refuse('invalid_scope', 'This client may not ask for any of the requested scope.')
  core.signer.assertRoom()
  const now = await core.clock.now()
  return {
    ok: true,
    ...(await issueAccessToken(core, { clientId: client.id }, { realm, client, resources, scope }, now)),
  }
}
