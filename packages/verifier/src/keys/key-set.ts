import type { Algorithm } from './algorithms.ts'
import { type VerificationKey, importKey, isSameKey } from './verification-key.ts'

/** Where a verifier gets its keys: `RemoteKeySet`, `localKeySet`, or one of your own. */
export interface KeySet {
  /** The key with this id, at once. Called for every token. A trusted key must stay the same object. */
  get(kid: string): VerificationKey | undefined
  /** Whether there is any key. */
  readonly isEmpty: boolean
  /**
   * Called when a token names an unknown key. Undefined means that a fetch would not help now. After a promise resolves,
   * `get` is called again. The promise must not reject.
   */
  refetchForUnknownKid?(): Promise<void> | undefined
}

export type Keys = ReadonlyMap<string, VerificationKey>

export type ReadKeys =
  | { readonly ok: true; readonly keys: Keys; readonly ignored: readonly string[] }
  | { readonly ok: false; readonly reason: string }

/**
 * Reads a JWK set (RFC 7517, section 5) and leaves out keys that cannot be used. A set that contradicts itself or the
 * known keys is refused whole, so that a poisoned set never replaces good keys.
 * @param known the keys in force. Those that are still in the set stay the same objects.
 */
export function readKeys(document: unknown, known: Keys, algorithms: readonly Algorithm[], maxKeys: number): ReadKeys {
  const list = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(list)) return { ok: false, reason: 'not a JWK set' }
  if (list.length > maxKeys) return { ok: false, reason: `more than ${maxKeys} keys` }

  const kids = new Set<unknown>()
  const keys = new Map<string, VerificationKey>()
  const ignored: string[] = []
  for (const jwk of list as unknown[]) {
    const kid = typeof jwk === 'object' && jwk !== null && 'kid' in jwk ? jwk.kid : undefined
    if (kid !== undefined && kids.has(kid)) return { ok: false, reason: 'one kid for two keys' }
    kids.add(kid)
    const inForce = typeof kid === 'string' ? known.get(kid) : undefined
    const imported = importKey(jwk, algorithms)
    if (inForce && !(imported.ok && isSameKey(imported.key, inForce))) {
      return { ok: false, reason: 'another key under a known kid' }
    }
    if (!imported.ok) ignored.push(imported.reason)
    else keys.set(imported.key.kid, inForce ?? imported.key)
  }
  if (keys.size === 0) return { ok: false, reason: ['no usable key', ...ignored].join(', ') }
  return { ok: true, keys, ignored }
}
