import type { Client, Realm } from '../../rules/realm.ts'
import type { Core } from '../core.ts'
import type { Refusal } from '../refusal.ts'
import type { AccessTokenAnswer, TokenAnswer } from '../sessions/issue-tokens.ts'

/** The parameters that any of the grants takes (RFC 6749, section 4), and that it does not have to. */
export interface TokenForm {
  code?: string
  redirect_uri?: string
  code_verifier?: string
  refresh_token?: string
}

/** What every grant gets. The client is authenticated and registered for the grant. */
export interface GrantRequest {
  /** The realm by which it was decided. */
  realm: Realm
  client: Client
  form: TokenForm
  /** The values of `resource` (RFC 8707, section 2.2): each is one that the client may ask for. */
  resources: readonly string[] | undefined
  /** As it was asked for: at least one name is one that the client may ask for at these resources. */
  scope: string | undefined
  /** Aborted when the client hangs up. */
  signal: AbortSignal
}

/** A grant that has no session has no refresh token either. */
export type GrantedTokens = AccessTokenAnswer & Partial<TokenAnswer>

/** A grant type: what is its own between the steps that all have. It checks everything before it spends anything. */
export type Grant = (core: Core, request: GrantRequest) => Promise<({ ok: true } & GrantedTokens) | Refusal>
