import type { TokenSigner } from '../../keys/token-signer.ts'
import { ACCOUNT_CHANGED, type Refusal, refuse } from '../refusal.ts'
import { type AuthenticateParts, type Credentials, authenticate } from './authenticate.ts'
import { type IssueParts, type TokenAnswer, issueTokens } from './issue-tokens.ts'
import { type OpenParts, openSession } from './open-session.ts'

type LogInParts = AuthenticateParts & OpenParts & IssueParts & { signer: Pick<TokenSigner, 'assertRoom'> }

interface LoginRequest extends Credentials {
  clientId?: string | undefined
  scope?: string | undefined
  device: string | null
}

/** Logs in with a password: authenticates, opens a session and issues its first tokens. */
export async function logIn(parts: LogInParts, request: LoginRequest): Promise<({ ok: true } & TokenAnswer) | Refusal> {
  const { clients, defaultClient } = parts.realm.current()
  const { clientId = defaultClient, scope, device, ip } = request
  if (clientId === null || !clients.has(clientId)) return refuse('invalid_client', 'This client is not registered.')
  parts.signer.assertRoom()

  const authenticateAndOpen = async () => {
    const proven = await authenticate(parts, request)
    return proven.ok ? openSession(parts, { user: proven.account, clientId, scope, how: { device, ip } }) : proven
  }
  let opened = await authenticateAndOpen()
  // Hashing takes a while. If the account was changed meanwhile, the password is checked once more, by the account as it is now.
  if (opened === ACCOUNT_CHANGED) opened = await authenticateAndOpen()
  if (!opened.ok) return opened

  const { family, account, now } = opened
  return { ok: true, ...(await issueTokens(parts, family, { scope: family.scope, roles: account.roles }, 1, now)) }
}
