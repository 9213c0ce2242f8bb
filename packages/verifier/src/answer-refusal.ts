import type { Requirement } from './requirement.ts'
import type { Refusal } from './refusal.ts'

/** The comment of each is on the reference page: its meaning, then what a client does. */
type BearerErrorCode =
  /** The request presents a token in more than one way. Client: send it once, in the `Authorization` header. */
  | 'invalid_request'
  /** There is no access token, or it is not valid, has expired or was revoked. Client: refresh, and send the request once more. */
  | 'invalid_token'
  /** The access token lacks the scope or the role. Client: log in as a user who has it, or with a scope that has it. */
  | 'insufficient_scope'
  /** The keys of the issuer, or its status list, could not be fetched. Client: keep the token, and try again after `Retry-After`. */
  | 'temporarily_unavailable'

export interface RefusalAnswer {
  readonly status: 400 | 401 | 403 | 503
  /** Names in lower case, as in node:http and Fastify. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly error: BearerErrorCode; readonly error_description: string }
}

/**
 * The answer to the client (RFC 6750, section 3). It says what to do next, and nothing that helps to make a better
 * forgery. Expiry and revocation are checked after the signature, so only
 * the owner of a token learns of them.
 */
export function answerRefusal({ code, description }: Refusal, requirement: Requirement = {}): RefusalAnswer {
  switch (code) {
    case 'token_missing':
      return NO_TOKEN
    case 'token_repeated':
      return answer(400, challenge({ error: 'invalid_request' }), 'invalid_request', description)
    case 'scope_insufficient':
      return answer(
        403,
        challenge({ error: 'insufficient_scope', scope: requirement.scope }),
        'insufficient_scope',
        description,
      )
    case 'role_insufficient':
      return answer(403, challenge({ error: 'insufficient_scope' }), 'insufficient_scope', description)
    case 'keys_unavailable':
    case 'status_unavailable':
      return TRY_LATER
    case 'token_expired':
      return EXPIRED_TOKEN
    case 'token_revoked':
      return REVOKED_TOKEN
    case 'token_malformed':
    case 'header_refused':
    case 'type_refused':
    case 'algorithm_refused':
    case 'key_unknown':
    case 'signature_invalid':
    case 'claim_missing':
    case 'claim_malformed':
    case 'issuer_mismatch':
    case 'audience_mismatch':
    case 'token_not_yet_valid':
    case 'token_bound':
    case 'status_out_of_range':
      return BAD_TOKEN
  }
}

/** No value can contain a quote: error codes are ours, and scope tokens have none (RFC 6749, section 3.3). */
function challenge(parameters: { error: string; scope?: string | undefined }): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return `Bearer ${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}`
}

function answer(
  status: 400 | 401 | 403,
  authenticate: string,
  error: BearerErrorCode,
  description: string,
): RefusalAnswer {
  // RFC 6749, section 5.2: a role may have characters that a description must not have.
  const error_description = description.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/gu, '?')
  return { status, headers: { 'www-authenticate': authenticate }, body: { error, error_description } }
}

// Made once, so that a flood of forgeries costs no more than the same number of good tokens.
const INVALID = challenge({ error: 'invalid_token' })
const BAD_TOKEN = answer(401, INVALID, 'invalid_token', 'The access token is not valid for this service.')
const EXPIRED_TOKEN = answer(401, INVALID, 'invalid_token', 'The access token has expired.')
const REVOKED_TOKEN = answer(401, INVALID, 'invalid_token', 'The access token has been revoked.')
/** RFC 6750, section 3.1: no error code in the challenge if the request has no token. */
const NO_TOKEN = answer(401, 'Bearer', 'invalid_token', 'This call needs an access token.')
const TRY_LATER: RefusalAnswer = {
  status: 503,
  headers: { 'retry-after': '1' },
  body: {
    error: 'temporarily_unavailable',
    error_description: 'Tokens cannot be checked right now. Try again shortly.',
  },
}
