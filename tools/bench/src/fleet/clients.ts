import { RemoteKeySet } from '@heirloom/verifier'
import type { Endpoint } from './endpoint.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What one replica trusts keys by. */
export interface Client {
  /** A token that names this key arrives: whether the key is there for it, after a look at the issuer if that is the rule. */
  hasKey(kid: string): boolean | Promise<boolean>
  close(): void
}

export type MakeClient = (time: VirtualTime, endpoint: Endpoint) => Client

/** All that the rules of others need. */
type MakeRules = (time: Pick<VirtualTime, 'now'>, endpoint: Pick<Endpoint, 'ask'>) => Client

/** The client of `@heirloom/verifier` itself, with its defaults, and what its verifier does with it. */
export const heirloom: MakeClient = (time, endpoint) => {
  const issuer = 'https://auth.example'
  const { now, setTimer, random } = time
  const runtime = { now, setTimer, random, fetch: endpoint.fetch }
  const keys = new RemoteKeySet({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, runtime })
  return {
    hasKey(kid) {
      if (keys.get(kid)) return true
      const look = keys.refetchForUnknownKid()
      return look ? look.then(() => keys.get(kid) !== undefined) : false
    },
    close: () => keys.close(),
  }
}

/**
 * What jose's `createRemoteJWKSet` does (6.2, `jwks/remote.js`): a request that finds the keys ten minutes old fetches them,
 * and is refused if that fails; one with an unknown key id does if they are 30 seconds old.
 */
export const joseRules: MakeRules = ({ now }, endpoint) => {
  const [CACHE_MAX_AGE_MS, COOLDOWN_MS] = [600_000, 30_000]
  let keys: readonly string[] = []
  let fetchedAt = -Infinity
  const reload = () => {
    const fetched = endpoint.ask()
    if (!fetched) return false
    keys = fetched
    fetchedAt = now()
    return true
  }
  return {
    hasKey(kid) {
      if (now() >= fetchedAt + CACHE_MAX_AGE_MS && !reload()) return false
      if (keys.includes(kid)) return true
      return now() >= fetchedAt + COOLDOWN_MS && reload() && keys.includes(kid)
    },
    close() {},
  }
}

/**
 * What get-jwks does (11.0, `get-jwks.js`): each key is kept by its id for a minute; a request that does not find its own
 * fetches the set. If that fails, or has no such key, the copy that ran out last minute does, and counts as new.
 */
export const getJwksRules: MakeRules = ({ now }, endpoint) => {
  const TTL_MS = 60_000
  const freshUntil = new Map<string, number>()
  const staleUntil = new Map<string, number>()
  return {
    hasKey(kid) {
      const fresh = freshUntil.get(kid)
      if (fresh !== undefined && now() <= fresh) return true
      if (freshUntil.delete(kid)) staleUntil.set(kid, now() + TTL_MS)
      if (endpoint.ask()?.includes(kid)) {
        freshUntil.set(kid, now() + TTL_MS)
        return true
      }
      const usable = now() <= (staleUntil.get(kid) ?? -Infinity)
      if (usable) staleUntil.set(kid, now() + TTL_MS)
      return usable
    },
    close() {},
  }
}
