import type { Position, Witnessed } from '../rules/decide-rollback.ts'
import type { PositionRow } from './postgres-position.ts'
import { readLua } from '../redis/read-lua.ts'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'

const KEY = 'heirloom:history'
/** More positions than are ever counted between a fail-over and the next poll. Redis keeps the nonces of these. */
const NONCES_KEPT = 256

const lua = (file: string) => new URL(`./lua/${file}`, import.meta.url)
const PUBLISH = readLua(lua('publish-position.lua'), { NONCES_KEPT })
const READ = readLua(lua('read-position.lua'))

/** Redis as the witness of how far Postgres had come. */
export class RollbackWitness {
  readonly #redis: RedisAccess | null
  readonly #publish: RunScript<[number, string?]> | undefined
  readonly #read: RunScript<(string | null)[]> | undefined
  #isReachable = false

  /** @param redis null for a server without Redis, which has no witness. */
  constructor(redis: RedisAccess | null) {
    this.#redis = redis
    this.#publish = redis?.script('heirloomPublishPosition', PUBLISH)
    this.#read = redis?.script('heirloomReadPosition', READ)
  }

  /** Whether Redis answered the last time. A position that cannot be published is not counted either. */
  get isReachable(): boolean {
    return this.#isReachable
  }

  /** Publishes a position, and returns what Redis knew. Null if Redis does not answer. */
  async publish({ position, nonce, epoch, runId, isSuspended }: PositionRow): Promise<Witnessed | null> {
    if (!this.#publish) return null
    try {
      const [newest, known = null] = await this.#publish(KEY, position, nonce, epoch, runId, isSuspended ? 1 : 0)
      this.#isReachable = true
      return { newest, nonce: known }
    } catch {
      this.#isReachable = false
      return null
    }
  }

  /** The newest position, and the epoch of copies that hold every revocation; null if there is no such epoch. @throws StoreUnavailable */
  async remembered(): Promise<{ newest: number; epoch: number | null }> {
    if (!this.#redis || !this.#read) return { newest: 0, epoch: null }
    const [[newest, epoch, process, past], runId] = await Promise.all([this.#read(KEY, 0), this.#redis.probe()])
    const isWhole = process === runId && Number(epoch) > Number(past ?? 0)
    return { newest: Number(newest ?? 0), epoch: isWhole ? Number(epoch) : null }
  }

  /** Whether Redis knows of a newer Postgres than this, or of another one. @throws StoreUnavailable */
  async contradicts({ position, nonce }: Position): Promise<boolean> {
    if (!this.#read) return false
    const [newest, , , , known = null] = await this.#read(KEY, position)
    return Number(newest ?? 0) > position || (known !== null && known !== nonce)
  }
}
