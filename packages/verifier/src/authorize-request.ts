import type { AccessTokenClaims } from '@heirloom/claims'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import { type Requirement, checkRequirement } from './requirement.ts'
import type { Refusal } from './refusal.ts'
import { answerMetadata } from './resource/answer-metadata.ts'
import type { Verifier } from './verifier.ts'

/**
 * For frameworks with the web's Request and Response. Returns the claims, or the response to send.
 * Fetch joins two Authorization headers with a comma. No token contains one, so such a request is refused as well.
 * @throws TypeError if the requirement is not valid: see `Requirement`.
 */
export async function authorizeRequest<Claims extends AccessTokenClaims>(
  verifier: Verifier<Claims>,
  request: Request,
  requirement: Requirement = {},
): Promise<
  | { readonly ok: true; readonly claims: Claims }
  | { readonly ok: false; readonly refusal: Refusal; readonly response: Response }
> {
  checkRequirement(requirement)
  const header = request.headers.get('authorization')
  const rawHeaders = header === null ? [] : ['authorization', header]
  const verdict = await authorize(verifier, rawHeaders, request.url, requirement)
  if (verdict.ok) return verdict
  const { status, headers, body } = answerRefusal(verdict, requirement, verifier.resource)
  return { ok: false, refusal: verdict, response: Response.json(body, { status, headers }) }
}

/**
 * The response to a request for the metadata of this service (RFC 9728), or undefined if the request is for something else.
 * Call it before the routes: `const response = resourceMetadataResponse(verifier, request) ?? (await handle(request))`.
 * @throws TypeError if the verifier has no `resource`.
 */
export function resourceMetadataResponse(
  { resource }: Pick<Verifier, 'resource'>,
  request: Request,
): Response | undefined {
  if (!resource) throw new TypeError('The verifier needs the option "resource" to serve its metadata.')
  const answer = answerMetadata(resource, request.method, new URL(request.url).pathname)
  if (!answer) return undefined
  const { status, headers, body } = answer
  return new Response(body === '' || request.method === 'HEAD' ? null : body, { status, headers })
}
