import { type Attributes, type Json, faultOfAttributeName } from './attributes.ts'
import type { Realm, Resource } from './realm.ts'

/** Of the JSON of all of them together, so that a token fits into a header of any server. */
export const MAX_CLAIMS_BYTES = 1_024

/**
 * Names that the auth server, or a standard for tokens, gives a meaning that an attribute must not have. Registered names of
 * other kinds, such as `email` and `groups`, are left to the realm.
 */
const RESERVED: ReadonlySet<string> = new Set(
  // RFC 7519; RFC 9068 and its own; RFC 7800, 8693, 9396, 9449; OpenID Connect; SD-JWT, and Token Status List.
  `iss sub aud exp nbf iat jti
   client_id scope sid auth_time roles status
   cnf act may_act authorization_details htm htu ath
   azp acr amr nonce at_hash c_hash s_hash sub_jwk sub_id events toe txn typ alg kid crit
   _sd _sd_alg vct vp vc status_list ttl _claim_names _claim_sources active token_type username __proto__`.split(/\s+/),
)

/** RFC 7519, section 4, allows any text. These stand in realm files, and in errors. */
const NAME = /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/

/** What is wrong with a claim of a resource and the attribute that it is made of. It follows a path: "is …". Null: nothing. */
export function faultOfClaim(claim: string, attribute: string): string | null {
  if (!NAME.test(claim))
    return 'must have a name of 1 to 64 printable ASCII characters without spaces, quotes and backslashes'
  if (RESERVED.has(claim)) return 'is reserved: tokens have a claim of this name with another meaning'
  const fault = faultOfAttributeName(attribute)
  return fault === null ? null : `must name an attribute: ${fault}`
}

/**
 * The claims of a token for these resources, by the attributes of its user. One that makes them larger than allowed is left
 * out, and so is an attribute that the user does not have. Resources in the order of the token.
 */
export function attributeClaims(
  realm: Pick<Realm, 'resources'>,
  resources: readonly string[],
  attributes: Attributes,
): { claims: Record<string, Json>; leftOut: string[] } {
  const claims: Record<string, Json> = {}
  const leftOut: string[] = []
  let bytes = 0
  for (const [claim, attribute] of resources.flatMap((id) => Object.entries(claimsOf(realm.resources.get(id))))) {
    const value = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined
    if (value === undefined || Object.hasOwn(claims, claim)) continue
    const size = Buffer.byteLength(JSON.stringify({ [claim]: value }))
    if (bytes + size > MAX_CLAIMS_BYTES) leftOut.push(claim)
    else {
      bytes += size
      claims[claim] = value
    }
  }
  return { claims, leftOut }
}

const claimsOf = (resource: Pick<Resource, 'claims'> | undefined) => resource?.claims ?? {}
