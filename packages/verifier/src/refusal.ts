import type { ClaimsFault } from '@heirloom/claims'

/** Why a token was refused: stable codes for logs and counters. Few of these reach the client (see `answerRefusal`). */
export type RefusalCode =
  /** The request carries no token. */
  | 'token_missing'
  /** The request presents a token in more than one way (RFC 6750, section 2). */
  | 'token_repeated'
  /** The token is too long, or is not three canonical base64url parts of strict JSON. */
  | 'token_malformed'
  /** The header has a member that is not supported (`crit`, `jwk`, `jku`, …). */
  | 'header_refused'
  | 'type_refused'
  | 'algorithm_refused'
  /** No key of the issuer has this `kid`. */
  | 'key_unknown'
  /** There is no key at all, neither fetched nor kept. The token may be good. */
  | 'keys_unavailable'
  | 'signature_invalid'
  | 'claim_missing'
  | 'claim_malformed'
  | 'issuer_mismatch'
  | 'audience_mismatch'
  | 'token_expired'
  | 'token_not_yet_valid'
  /** The token is bound to a key (`cnf`, RFC 7800), and a Bearer request proves none (RFC 9449, section 7.2). */
  | 'token_bound'
  /** The token is good, but lacks the scope or the role that is required. */
  | 'scope_insufficient'
  | 'role_insufficient'

export interface Refusal {
  readonly ok: false
  readonly code: RefusalCode
  /** For the developer's log. It never contains the token or a part of it. */
  readonly description: string
}

export const refuse = (code: RefusalCode, description: string): Refusal => ({ ok: false, code, description })

export const CODE_OF_FAULT: Record<ClaimsFault, RefusalCode> = {
  not_an_object: 'token_malformed',
  missing: 'claim_missing',
  malformed: 'claim_malformed',
  inconsistent: 'claim_malformed',
  issuer: 'issuer_mismatch',
  audience: 'audience_mismatch',
  expired: 'token_expired',
  not_yet_valid: 'token_not_yet_valid',
}
