import { isUnavailable } from '../connection/store-unavailable.ts'
import { type DeletedUsers, type Remains, userHash } from '../stores/deleted-users.ts'
import type { FenceRow } from './fence-row.ts'
import type { RedisDeletions } from './redis-deletions.ts'
import type { RollbackDetector } from './rollback-detector.ts'

/** No request that began before a deletion is at work after this time. */
const SETTLED_AFTER_MS = 10_000
const AT_ONCE = 100

interface Parts {
  rows: DeletedUsers
  /** Null for a server without Redis. */
  redis: RedisDeletions | null
  /** Whether any server uses Redis. */
  fenceRow: Pick<FenceRow, 'read'>
  rollback: Pick<RollbackDetector, 'count'>
}

/**
 * Deletes users from both stores. Postgres records it first, so what is interrupted, or waits for Redis, is finished by any
 * server. The hashes of all deleted users are in both stores: who comes back with a backup of one is found by the other.
 */
export class UserDeletions {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * Deletes a user whose account is disabled and whose sessions have ended. When it returns, Postgres has nothing left; Redis
   * has nothing left once `finish` succeeds.
   * @throws StoreUnavailable if Postgres gives no answer. It may be repeated.
   */
  async delete(userId: string): Promise<void> {
    await this.deleteAgain([userId])
    await this.#parts.rollback.count()
    await this.finish()
  }

  /** During a restore: deletes users whom the backup brought back. Any server finishes it afterwards. */
  async deleteAgain(userIds: readonly string[]): Promise<void> {
    const { rows } = this.#parts
    for (const userId of userIds) {
      await rows.record(userId)
      await rows.removeRows(userId)
    }
  }

  /** Goes on with deletions that are not finished. To be called regularly. */
  async finish(): Promise<void> {
    const { rows, redis } = this.#parts
    const unfinished = await rows.unfinished(AT_ONCE, SETTLED_AFTER_MS)
    if (unfinished.length === 0) return
    const isWithoutRedis = redis === null && ((await this.#parts.fenceRow.read())?.runId ?? '') === ''
    for (const { isSettled, ...remains } of unfinished) {
      // Again: a request that was under way may have written since.
      await rows.removeRows(remains.userId)
      if (((await this.#isForgotten(remains)) || isWithoutRedis) && isSettled) await rows.finish(remains.userId)
    }
  }

  async #isForgotten(remains: Remains): Promise<boolean> {
    const { redis } = this.#parts
    try {
      await redis?.add([userHash(remains.userId)])
      await redis?.forget(remains)
      return redis !== null
    } catch (error) {
      if (!isUnavailable(error, 'Redis')) throw error
      return false
    }
  }

  /** Tells a Redis that lacks some who was deleted. To be called now and then. @throws StoreUnavailable */
  async remember(): Promise<void> {
    const { rows, redis } = this.#parts
    if (!redis || (await redis.count()) >= (await rows.count())) return
    for await (const hashes of rows.hashes()) await redis.add(hashes)
  }

  /** Users who are there although they were deleted: a backup brought them back. It reads all users. @throws StoreUnavailable */
  async returned(): Promise<string[]> {
    const { rows, redis } = this.#parts
    const found: string[] = []
    for await (const ids of rows.returned((await redis?.all()) ?? [])) found.push(...ids)
    return found
  }

  /** How many deletions are not finished. */
  async unfinished(): Promise<number> {
    return (await this.#parts.rows.unfinished(AT_ONCE, SETTLED_AFTER_MS)).filter(({ isSettled }) => isSettled).length
  }
}
