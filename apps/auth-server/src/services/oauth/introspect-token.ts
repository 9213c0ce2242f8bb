import type { HeirloomClaims } from '@heirloom/verifier'
import { policyOf } from '../../rules/client-policy.ts'
import { decideRefresh } from '../../rules/decide-refresh.ts'
import { endOf } from '../../rules/family.ts'
import { AUTH_SERVER, type Client, type Realm } from '../../rules/realm.ts'
import type { Core } from '../core.ts'
import { isLive } from '../sessions/sessions.ts'
import type { ReadAccessToken } from './own-access-tokens.ts'

/** RFC 7662, section 2.2. Times are seconds since 1970. */
export type Introspection = { active: false } | ActiveToken

interface ActiveToken {
  active: true
  token_type?: 'Bearer'
  iss: string
  sub: string
  client_id: string
  aud?: string | string[]
  scope?: string
  jti?: string
  iat?: number
  exp: number
  sid?: string
  auth_time?: number
  roles?: string[]
  /** What the resource adds of the user's attributes. None has the name of a member above. */
  [claim: string]: unknown
}

type IntrospectParts = Pick<Core, 'config' | 'realm' | 'clock' | 'families' | 'refreshTokens' | 'sessions' | 'accounts'>

/** Also for a token that the caller may not see: it learns nothing of it (RFC 7662, section 2.2). */
const INACTIVE = { active: false } as const

/**
 * Whether a token is good now, by what is stored, and what it grants. Nothing is redeemed, and a token that was used before
 * revokes nothing.
 * @param caller an authenticated client with a secret.
 */
export async function introspectToken(
  parts: IntrospectParts,
  readAccessToken: ReadAccessToken,
  caller: Client,
  token: string,
): Promise<Introspection> {
  const refreshToken = parts.refreshTokens.parse(token)
  if (refreshToken) return introspectRefreshToken(parts, caller, refreshToken)
  const claims = await readAccessToken(token)
  const isLiveNow = claims && isIntrospector(parts, caller, claims) && (await isGood(parts, claims))
  if (!claims || !isLiveNow) return INACTIVE
  // A service that asks sees what one that verifies the token sees. What `status` would tell, the answer does.
  const { status: _status, roles: _roles, aud, ...shown } = claims
  return {
    ...shown,
    active: true,
    token_type: 'Bearer',
    aud: typeof aud === 'string' ? aud : [...aud],
    ...(claims.sid !== undefined && { roles: [...claims.roles] }),
  }
}

/** Only its own client may see it. It is good if it could be redeemed now. */
async function introspectRefreshToken(
  parts: IntrospectParts,
  caller: Client,
  token: { family: string; generation: number },
): Promise<Introspection> {
  const found = await parts.families.load(token.family)
  if (!found || found.family.clientId !== caller.id) return INACTIVE
  const { family, now } = found
  const policy = policyOf(parts.realm.current(), caller.id, parts.config)
  const presented = { generation: token.generation, clientId: caller.id, bindingKey: family.bindingKey }
  const { kind } = decideRefresh(family, presented, now, policy)
  if (kind === 'refuse' || kind === 'reuse' || !(await isEnabled(parts, family.userId))) return INACTIVE
  return {
    active: true,
    iss: parts.config.issuer,
    sub: family.userId,
    client_id: family.clientId,
    exp: Math.floor(endOf(family, policy) / 1000),
    sid: family.sid,
    ...(family.scope !== '' && { scope: family.scope }),
  }
}

/** RFC 7662, section 4: a token is shown to the services that it is for. */
function isIntrospector({ config, realm }: IntrospectParts, caller: Client, { aud }: HeirloomClaims): boolean {
  const { resources } = realm.current()
  return [aud].flat().some((name) => {
    const id = name === config.issuer ? AUTH_SERVER : name
    return resources.get(id)?.introspectors.includes(caller.id) ?? false
  })
}

/** Whether what a genuine access token stands for still exists: its session and account, or its client. */
async function isGood(parts: IntrospectParts, { sub, sid, client_id, iat }: HeirloomClaims): Promise<boolean> {
  if (sid === undefined) return isOpen(parts.realm.current(), client_id, iat)
  const [session, isEnabledNow, now] = await Promise.all([
    parts.sessions.find(sub, sid),
    isEnabled(parts, sub),
    parts.clock.now(),
  ])
  return session !== null && isEnabledNow && isLive(parts, session, now)
}

/** Whether the client may act for itself, and its tokens of this time were not ended. */
function isOpen({ clients }: Realm, id: string, iat: number): boolean {
  const client = clients.get(id)
  // A token has whole seconds: one of the same second may be from before.
  return client !== undefined && !client.disabled && (client.endedBefore ?? 0) <= iat * 1000
}

async function isEnabled({ accounts }: IntrospectParts, userId: string): Promise<boolean> {
  const status = await accounts.status(userId)
  return status !== null && !status.disabled
}
