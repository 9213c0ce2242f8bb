import type { Requirement } from './requirement.ts'
import type { Refusal } from './refusal.ts'
import type { ProtectedResource } from './resource/protected-resource.ts'

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
 * The answer to the client (RFC 6750, section 3, and RFC 9728, section 5.1). It says what to do next, and nothing that helps
 * to make a better forgery. Expiry and revocation are checked after the signature, so only the owner of a token learns of
 * them.
 * @param requirement of the whole request: the challenge names its scopes, so that a client asks for all of them at once.
 * @param resource `verifier.resource`, so that a client that knows nothing finds the authorization server.
 */
export function answerRefusal(
  { code, description }: Refusal,
  { scope }: Requirement = {},
  resource?: ProtectedResource,
): RefusalAnswer {
  const resource_metadata = resource?.metadataUrl
  switch (code) {
    case 'token_missing':
      // RFC 6750, section 3.1: no error code in the challenge if the request has no token.
      return answer(401, { scope, resource_metadata }, NO_TOKEN)
    case 'token_repeated':
      return answer(400, { error: 'invalid_request' }, body('invalid_request', description))
    case 'scope_insufficient':
      return insufficient({ scope, resource_metadata }, description)
    case 'role_insufficient':
      // No scope would help.
      return insufficient({}, description)
    case 'keys_unavailable':
    case 'status_unavailable':
      return TRY_LATER
    case 'token_expired':
      return answer(401, { error: 'invalid_token', scope, resource_metadata }, EXPIRED_TOKEN)
    case 'token_revoked':
      return answer(401, { error: 'invalid_token', scope, resource_metadata }, REVOKED_TOKEN)
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
      return answer(401, { error: 'invalid_token', scope, resource_metadata }, BAD_TOKEN)
  }
}

interface Challenge {
  readonly error?: BearerErrorCode
  readonly scope?: string | undefined
  readonly resource_metadata?: string | undefined
}

/** No value can contain a quote: error codes are ours, scope tokens have none (RFC 6749, 3.3), and URLs escape theirs. */
function challenge(parameters: Challenge): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return ['Bearer', pairs.map(([name, value]) => `${name}="${value}"`).join(', ')].join(' ').trimEnd()
}

const answer = (status: 400 | 401 | 403, parameters: Challenge, content: RefusalAnswer['body']): RefusalAnswer => ({
  status,
  headers: { 'www-authenticate': challenge(parameters) },
  body: content,
})

const insufficient = (parameters: Challenge, description: string) =>
  answer(403, { error: 'insufficient_scope', ...parameters }, body('insufficient_scope', description))

/** RFC 6749, section 5.2: a role may have characters that a description must not have. */
function body(error: BearerErrorCode, description: string): RefusalAnswer['body'] {
  return { error, error_description: description.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/gu, '?') }
}

const BAD_TOKEN = body('invalid_token', 'The access token is not valid for this service.')
const EXPIRED_TOKEN = body('invalid_token', 'The access token has expired.')
const REVOKED_TOKEN = body('invalid_token', 'The access token has been revoked.')
const NO_TOKEN = body('invalid_token', 'This call needs an access token.')
const TRY_LATER: RefusalAnswer = {
  status: 503,
  headers: { 'retry-after': '1' },
  body: body('temporarily_unavailable', 'Tokens cannot be checked right now. Try again shortly.'),
}
