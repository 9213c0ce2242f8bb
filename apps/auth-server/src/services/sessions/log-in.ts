import type { TokenSigner } from '../../keys/token-signer.ts'
import { targetOfGrant } from '../../rules/target.ts'
import { ACCOUNT_CHANGED, type Refusal, refuse } from '../refusal.ts'
import { type AuthenticateLoginParts, type LoginCredentials, authenticateLogin } from './authenticate-login.ts'
import { type IssueParts, type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { type OpenParts, openSession } from './open-session.ts'

type LogInParts = AuthenticateLoginParts & OpenParts & IssueParts & { signer: Pick<TokenSigner, 'assertRoom'> }

interface LoginRequest extends LoginCredentials {
  clientId?: string | undefined
  /** The values of `resource` (RFC 8707). None: all that the client may ask for. */
  resources?: readonly string[] | undefined
  scope?: string | undefined
  device: string | null
}

/**
 * Logs in with a password: authenticates, opens a session and issues its first tokens. It is no grant of OAuth: it is for
 * first-party clients, which may ask for the user's password.
 */
export async function logIn(parts: LogInParts, request: LoginRequest): Promise<({ ok: true } & TokenAnswer) | Refusal> {
  const realm = parts.realm.current()
  const { clientId = realm.defaultClient, scope, device, ip } = request
  const client = clientId === null ? undefined : realm.clients.get(clientId)
  if (!client || client.disabled) return refuse('invalid_client', 'This client is not registered.')
  if (client.auth !== 'none' || !client.grants.includes('login'))
    return refuse('invalid_client', 'This client may not log in with a password.')
  const target = targetOfGrant({ client, asked: request.resources, issuer: parts.config.issuer })
  if (!target.ok) return refuse('invalid_target', target.description)
  const { resources } = target
  parts.signer.assertRoom()

  const authenticateAndOpen = async () => {
    const proven = await authenticateLogin(parts, request)
    if (!proven.ok) return proven
    return openSession(parts, { user: proven.account, client, resources, scope, how: { device, ip } })
  }
  let opened = await authenticateAndOpen()
  // Hashing takes a while. If the account was changed meanwhile, the password is checked once more, by the account as it is now.
  if (opened === ACCOUNT_CHANGED) opened = await authenticateAndOpen()
  if (!opened.ok) return opened

  const { family, account, now } = opened
  const granted = { realm, client, resources, scope: family.scope, account }
  return { ok: true, ...(await issueTokens(parts, family, granted, 1, now)) }
}
