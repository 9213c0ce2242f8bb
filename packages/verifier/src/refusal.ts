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
  /** The header's `typ` is not `at+jwt` (RFC 9068, section 2.1), or what the profile requires. */
  | 'type_refused'
  /** The header's `alg` is not accepted here. */
  | 'algorithm_refused'
  /** No key of the issuer has this `kid`. */
  | 'key_unknown'
  /** There is no key at all, neither fetched nor kept. The token may be good. */
  | 'keys_unavailable'
  /** The signature does not fit the key and the content. */
  | 'signature_invalid'
  /** A required claim is missing. */
  | 'claim_missing'
  /** A claim has the wrong type or form, or contradicts another one. */
  | 'claim_malformed'
  /** The token is of another issuer. */
  | 'issuer_mismatch'
  /** The token is for another audience. */
  | 'audience_mismatch'
  /** The token has expired. */
  | 'token_expired'
  /** The token is from the future: a clock is wrong. */
  | 'token_not_yet_valid'
  /** The token is bound to a key (`cnf`, RFC 7800), and a Bearer request proves none (RFC 9449, section 7.2). */
  | 'token_bound'
  /** The issuer's status list says that the token is no longer valid: its session was ended, for example. */
  | 'token_revoked'
  /** The status list has no entry with the index of the token (Token Status List, section "Validation Rules"). */
  | 'status_out_of_range'
  /** The status list is unavailable, and the mode is `closed`. The token may be good. */
  | 'status_unavailable'
  /** The token is good, but lacks the scope that is required. */
  | 'scope_insufficient'
  /** The token is good, but lacks the role that is required. */
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
