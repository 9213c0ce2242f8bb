import { Redis } from 'ioredis'
import type { AdapterConstructor, AdapterPayload } from 'oidc-provider'

/** Kinds of records that end with their grant. */
const GRANTABLE = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken'])

/** A compact adapter for oidc-provider as its documentation describes it: one value per token, one list per grant. */
export function redisAdapter(url: string): AdapterConstructor {
  const redis = new Redis(url, { enableAutoPipelining: true })

  return class {
    readonly #kind: string

    constructor(kind: string) {
      this.#kind = kind
    }

    #key(id: string) {
      return `oidc:${this.#kind}:${id}`
    }

    async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<undefined> {
      const key = this.#key(id)
      const multi = redis.multi()
      if (GRANTABLE.has(this.#kind)) multi.hset(key, 'payload', JSON.stringify(payload))
      else multi.set(key, JSON.stringify(payload))
      if (expiresIn) multi.expire(key, expiresIn)
      if (GRANTABLE.has(this.#kind) && payload.grantId) multi.rpush(`oidc:grant:${payload.grantId}`, key)
      await multi.exec()
    }

    async find(id: string): Promise<AdapterPayload | undefined> {
      const key = this.#key(id)
      if (!GRANTABLE.has(this.#kind)) {
        const value = await redis.get(key)
        return value === null ? undefined : JSON.parse(value)
      }
      const { payload, consumed } = await redis.hgetall(key)
      return payload === undefined
        ? undefined
        : { ...JSON.parse(payload), ...(consumed && { consumed: Number(consumed) }) }
    }

    async consume(id: string): Promise<undefined> {
      await redis.hset(this.#key(id), 'consumed', Math.floor(Date.now() / 1000))
    }

    async destroy(id: string): Promise<undefined> {
      await redis.del(this.#key(id))
    }

    async revokeByGrantId(grantId: string): Promise<undefined> {
      const keys = await redis.lrange(`oidc:grant:${grantId}`, 0, -1)
      if (keys.length > 0) await redis.del(...keys, `oidc:grant:${grantId}`)
    }

    async findByUid(): Promise<undefined> {}
    async findByUserCode(): Promise<undefined> {}
  }
}
