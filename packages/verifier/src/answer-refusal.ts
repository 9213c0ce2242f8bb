import type { Need } from './need.ts'
import type { Refusal } from './refusal.ts'

export interface RefusalAnswer {
  readonly status: 400 | 401 | 403 | 503
  /** In lower case, as node:http and Fastify like them. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly error: string; readonly error_description: string }
}

const BAD_TOKEN = 'The access token is not valid here.'

/**
 * What the client is told (RFC 6750, section 3): what to do next, and nothing that helps to make a better forgery. That
 * a token has expired is found only after its signature, so only its owner learns it.
 */
export function answerRefusal({ code, description }: Refusal, need: Need = {}): RefusalAnswer {
  switch (code) {
    case 'token_missing':
      // RFC 6750, section 3.1: no error code where no authentication was tried.
      return answer(401, 'Bearer', 'invalid_token', 'An access token is needed.')
    case 'token_repeated':
      return answer(400, challenge({ error: 'invalid_request' }), 'invalid_request', description)
    case 'scope_insufficient':
      return answer(
        403,
        challenge({ error: 'insufficient_scope', scope: need.scope }),
        'insufficient_scope',
        description,
      )
    case 'role_insufficient':
      return answer(403, challenge({ error: 'insufficient_scope' }), 'insufficient_scope', description)
    case 'keys_unavailable':
      return {
        status: 503,
        headers: { 'retry-after': '1' },
        body: { error: 'temporarily_unavailable', error_description: 'Tokens cannot be checked at the moment.' },
      }
    case 'token_expired':
      return answer(401, challenge({ error: 'invalid_token' }), 'invalid_token', 'The access token has expired.')
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
      return answer(401, challenge({ error: 'invalid_token' }), 'invalid_token', BAD_TOKEN)
  }
}

function answer(status: 400 | 401 | 403, authenticate: string, error: string, description: string): RefusalAnswer {
  return { status, headers: { 'www-authenticate': authenticate }, body: { error, error_description: description } }
}

/** Nothing here can hold a quote: error codes are ours, scope tokens have none (RFC 6749, section 3.3). */
function challenge(parameters: { error: string; scope?: string | undefined }): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return `Bearer ${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}`
}
