import { createHash } from 'node:crypto'
import { CODE_GENERATION, type FamilyId } from './family.ts'
import { familyTokens } from './family-token.ts'

/** What a code is good for. Its tag covers all of it. */
export interface CodeBinding {
  clientId: string
  redirectUri: string
  /** RFC 7636, section 4.2, by the method S256. */
  challenge: string
}

/** What a client presents with a code. */
export interface CodeProof {
  clientId: string
  /** Optional at the token endpoint. If it is there, it must be that of the authorization request (OAuth 2.1, section 10.2). */
  redirectUri: string | undefined
  verifier: string | undefined
}

export interface AuthorizationCodes {
  /** The code of a family, which is its generation 1. It is always the same under the newest secret. */
  issue(family: FamilyId, binding: CodeBinding): string
  /**
   * The family and generation of a code. Null if this server did not issue it, or issued it for another client, redirect URI or
   * verifier. Asks no store, so a code that is presented wrongly is not spent.
   */
  parse(code: string, proof: CodeProof): { family: FamilyId; generation: number } | null
}

/** The token request may leave the redirect URI out, so a code carries its hash. */
const REDIRECT_HASH_BYTES = 18

/** RFC 7636, section 4.1. */
const VERIFIER = /^[A-Za-z0-9._~-]{43,128}$/

/** `hac_` and 96 characters. Secrets and errors are as in `familyTokens`. */
export function authorizationCodes(secrets: readonly string[]): AuthorizationCodes {
  const kind = { prefix: 'hac_', name: 'authorization code', carriedBytes: REDIRECT_HASH_BYTES } as const
  const tokens = familyTokens(secrets, kind)
  return {
    issue(family, { clientId, redirectUri, challenge }) {
      const carried = sha256(redirectUri).subarray(0, REDIRECT_HASH_BYTES)
      return tokens.issue({ family, generation: CODE_GENERATION, carried }, [clientId, challenge])
    },
    parse(code, { clientId, redirectUri, verifier }) {
      if (verifier === undefined || !VERIFIER.test(verifier)) return null
      const content = tokens.parse(code, [clientId, sha256(verifier).toString('base64url')])
      if (content?.generation !== CODE_GENERATION) return null
      if (redirectUri !== undefined && !sha256(redirectUri).subarray(0, REDIRECT_HASH_BYTES).equals(content.carried))
        return null
      return { family: content.family, generation: content.generation }
    },
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest()
