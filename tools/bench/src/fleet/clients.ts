import { RemoteKeySet } from '@heirloom/verifier'
import type { Endpoint } from './endpoint.ts'
import type { VirtualTime } from './virtual-time.ts'

/** How one replica finds keys. */
export interface Client {
  /** Whether the replica has the key of a token that arrives now, after a fetch if its rules require one. */
  hasKey(kid: string): boolean | Promise<boolean>
  close(): void
}

export type MakeClient = (time: VirtualTime, endpoint: Endpoint) => Client

/** What the rules of the other libraries need. */
type MakeRules = (time: Pick<VirtualTime, 'now'>, endpoint: Pick<Endpoint, 'ask'>) => Client

/** The real key set of `@heirloom/verifier` with its defaults, used as its verifier uses it. */
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
 * The rules of jose's `createRemoteJWKSet` (6.2, `jwks/remote.js`). A request fetches the keys if they are ten minutes old, and is
 * refused if that fails. A request with an unknown key id fetches them if they are 30 seconds old.
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
 * The rules of get-jwks (11.0, `get-jwks.js`). Each key is cached by its id for a minute. A request without a cached key fetches
 * the set. If that fails, or the set lacks the key, the copy that expired in the last minute is used and counts as new.
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
