import type { Algorithm } from './algorithms.ts'
import { type KeySet, type Keys, readKeys } from './key-set.ts'

export interface LocalKeySet extends KeySet {
  /**
   * Replaces the keys. Keys that stay in the set are not touched. Tokens of removed keys are refused from now on.
   * @throws TypeError if the set has an unusable key, or another key under a known `kid`. The old keys then stay.
   */
  replace(jwks: JwkSet): void
}

/** A JWK set (RFC 7517, section 5), or the keys in it. */
export type JwkSet = readonly object[] | { readonly keys: readonly object[] }

/** Keys that this process already has: an auth server's own, or a test's. Public keys as JWKs, each with its `kid`. */
export function localKeySet(jwks: JwkSet, algorithms: readonly Algorithm[] = ['RS256']): LocalKeySet {
  let keys: Keys = new Map()
  const replace = (next: JwkSet) => {
    const document = Array.isArray(next) ? { keys: next } : next
    const read = readKeys(document, keys, algorithms, Infinity)
    const reason = read.ok ? read.ignored[0] : read.reason
    if (!read.ok || reason) throw new TypeError(`These keys cannot be used: ${reason}.`)
    keys = read.keys
  }
  replace(jwks)
  return {
    get: (kid) => keys.get(kid),
    get isEmpty() {
      return keys.size === 0
    },
    replace,
  }
}
