import type { GrantType } from '../../rules/realm.ts'
import { narrowScope } from '../../rules/scopes.ts'
import { targetOfGrant } from '../../rules/target.ts'
import type { Core } from '../core.ts'
import { type Refusal, refuse } from '../refusal.ts'
import { type ClientCredentials, authenticateClient } from './authenticate-client.ts'
import type { Grant, GrantedTokens, TokenForm } from './grant.ts'
import { authorizationCodeGrant } from './grants/authorization-code.ts'
import { clientCredentialsGrant } from './grants/client-credentials.ts'
import { refreshTokenGrant } from './grants/refresh-token.ts'

const GRANTS: Partial<Record<GrantType, Grant>> = {
  authorization_code: authorizationCodeGrant,
  refresh_token: refreshTokenGrant,
  client_credentials: clientCredentialsGrant,
}
export const GRANT_TYPES_SUPPORTED = Object.keys(GRANTS) as GrantType[]

interface TokenRequest extends ClientCredentials {
  form: ClientCredentials['form'] & TokenForm & { grant_type: string; resource?: string[]; scope?: string }
  signal: AbortSignal
}

/** The token endpoint (RFC 6749, section 3.2): the steps that every grant has, and the grant. */
export async function grantTokens(
  core: Core,
  request: TokenRequest,
): Promise<({ ok: true } & GrantedTokens) | Refusal> {
  const { form, signal } = request
  const type = GRANT_TYPES_SUPPORTED.find((one) => one === form.grant_type)
  const grant = type && GRANTS[type]
  if (!grant) return refuse('unsupported_grant_type', `The grant types are ${GRANT_TYPES_SUPPORTED.join(', ')}.`)

  const realm = core.realm.current()
  const authenticated = await authenticateClient(core, request)
  if (!authenticated.ok) return authenticated
  const { client } = authenticated
  if (!client.grants.includes(type)) return refuse('unauthorized_client', `This client is not registered for ${type}.`)

  // A grant narrows both further. What no grant may go beyond is held against the client here, for all of them.
  const { resource: resources, scope } = form
  const target = targetOfGrant({ client, asked: resources, issuer: core.config.issuer })
  if (!target.ok) return refuse('invalid_target', target.description)
  if (narrowScope(realm, { client, resources: target.resources, roles: null, asked: scope }) === null)
    return refuse('invalid_scope', 'This client may not ask for any of the requested scope.')

  return grant(core, { realm, client, form, resources, scope, signal })
}
