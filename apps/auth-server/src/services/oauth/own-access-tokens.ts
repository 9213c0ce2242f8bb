import { type HeirloomClaims, type KeySet, type Verifier, createVerifier } from '@heirloom/verifier'
import { AUTH_SERVER, type RealmSource } from '../../rules/realm.ts'

/** Reads an access token of this server, whichever resource it is for. Null for any other, and for one that has expired. */
export type ReadAccessToken = (token: string) => Promise<HeirloomClaims | null>

/** @param keys the public keys of this server. */
export function ownAccessTokens(issuer: string, realm: RealmSource, keys: KeySet): ReadAccessToken {
  const verifiers = new Map<string, Verifier>()
  const verifierFor = (audience: string) => {
    const verifier = verifiers.get(audience) ?? createVerifier({ issuer, audience, keys, cacheBytes: 0 })
    verifiers.set(audience, verifier)
    return verifier
  }
  return async (token) => {
    const { resources } = realm.current()
    // One per resource of the realm: a stranger's token adds none.
    const audience = unverifiedAudiences(token).find(
      (one) => one === issuer || (one !== AUTH_SERVER && resources.has(one)),
    )
    if (audience === undefined) return null
    const verdict = await verifierFor(audience).verify(token)
    return verdict.ok ? verdict.claims : null
  }
}

/** What the token says itself, to choose a verifier by. */
function unverifiedAudiences(token: string): string[] {
  try {
    const { aud } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    return [aud].flat().filter((one) => typeof one === 'string')
  } catch {
    return []
  }
}
