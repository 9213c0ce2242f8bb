import type { FamilyId } from './family.ts'
import { familyTokens } from './family-token.ts'

export interface RefreshTokens {
  /** The token of this family and generation. It is always the same under the newest secret. */
  issue(family: FamilyId, generation: number): string
  /** The family and generation of a token, or null if this server did not issue it. Asks no store. */
  parse(token: string): { family: FamilyId; generation: number } | null
}

const NOTHING = Buffer.alloc(0)

/** `hrt_` and 72 characters. Secrets and errors are as in `familyTokens`. */
export function refreshTokens(secrets: readonly string[]): RefreshTokens {
  const tokens = familyTokens(secrets, { prefix: 'hrt_', name: 'refresh token', carriedBytes: NOTHING.length })
  return {
    issue: (family, generation) => tokens.issue({ family, generation, carried: NOTHING }),
    parse(token) {
      const content = tokens.parse(token)
      return content && { family: content.family, generation: content.generation }
    },
  }
}
