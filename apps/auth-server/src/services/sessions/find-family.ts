import type { Family, FamilyId } from '../../rules/family.ts'
import type { Client, Realm, RealmSource } from '../../rules/realm.ts'
import type { FamilyStore } from '../../stores/family-store.ts'
import { INVALID_GRANT, type Refusal, refuse } from '../refusal.ts'

export interface FindParts {
  families: Pick<FamilyStore, 'load'>
  realm: RealmSource
}

/** A refresh token or an authorization code, and the call that takes it. */
export interface PresentedToken {
  /** What the token says. Null if it was not issued here. */
  token: { family: FamilyId; generation: number } | null
  /**
   * `json`: a refresh token at the calls under /auth, where no client is authenticated. `cookie`: one that a browser sent there.
   * `oauth`: one at those under /oauth2. `code`: an authorization code.
   */
  takes: 'json' | 'cookie' | 'oauth' | 'code'
  /**
   * The client that the request names. Undefined only with `json`: otherwise the one that was authenticated, or that the page's
   * origin belongs to.
   */
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

/** Finds the family of a token. Null if the token was not issued here, or its family is forgotten. */
export async function findFamily(
  { families, realm: source }: FindParts,
  { token, takes, clientId }: PresentedToken,
): Promise<FoundFamily | null> {
  const found = token && (await families.load(token.family))
  if (!found) return null
  const realm = source.current()
  const owner = realm.clients.get(found.family.clientId)
  const isNamed = clientId === undefined ? takes === 'json' : clientId === owner?.id
  const client = owner && isNamed && isTakenFrom(owner, takes) ? owner : null
  return { ...found, generation: token.generation, realm, client }
}

/**
 * The answer to a token of a client that the call does not take. A page that got hold of another client's cookie is told
 * nothing of its session, which goes on.
 */
export const notTaken = ({ takes, clientId }: PresentedToken, { family }: FoundFamily): Refusal =>
  takes === 'cookie' && family.clientId !== clientId ? OF_ANOTHER_CLIENT : INVALID_GRANT

const OF_ANOTHER_CLIENT = refuse('origin_not_allowed', 'The cookie has the token of another client.')

function isTakenFrom({ auth, grants }: Client, takes: PresentedToken['takes']): boolean {
  switch (takes) {
    case 'json':
    case 'cookie':
      return auth === 'none' && grants.includes('login')
    case 'oauth':
      return grants.includes('refresh_token')
    case 'code':
      return grants.includes('authorization_code')
  }
}
