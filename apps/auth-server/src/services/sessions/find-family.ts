import type { Family } from '../../rules/family.ts'
import type { Client, Realm, RealmSource } from '../../rules/realm.ts'
import type { RefreshTokens } from '../../rules/refresh-token.ts'
import type { FamilyStore } from '../../stores/family-store.ts'

export interface FindParts {
  families: Pick<FamilyStore, 'load'>
  refreshTokens: Pick<RefreshTokens, 'parse'>
  realm: RealmSource
}

/** A refresh token, and the call that takes it. */
export interface PresentedToken {
  refreshToken: string
  /** `json`: the calls under /auth, where no client is authenticated. `oauth`: those under /oauth2. */
  takes: 'json' | 'oauth'
  /** The client that the request names. At `oauth`, the one that was authenticated: never undefined. */
  clientId?: string | undefined
}

export interface FoundFamily {
  family: Family
  generation: number
  /** The store's time in milliseconds. */
  now: number
  realm: Realm
  /** Null: this call does not take the tokens of this client, whatever their state. Nothing may change then. */
  client: Client | null
}

/** Finds the family of a refresh token. Null if the token was not issued here, or its family is forgotten. */
export async function findFamily(
  { families, refreshTokens, realm: source }: FindParts,
  { refreshToken, takes, clientId }: PresentedToken,
): Promise<FoundFamily | null> {
  const token = refreshTokens.parse(refreshToken)
  const found = token && (await families.load(token.family))
  if (!found) return null
  const realm = source.current()
  const owner = realm.clients.get(found.family.clientId)
  const isNamed = clientId === undefined ? takes === 'json' : clientId === owner?.id
  const client = owner && isNamed && isTakenFrom(owner, takes) ? owner : null
  return { ...found, generation: token.generation, realm, client }
}

function isTakenFrom({ auth, grants }: Client, takes: PresentedToken['takes']): boolean {
  return takes === 'json' ? auth === 'none' && grants.includes('login') : grants.includes('refresh_token')
}
