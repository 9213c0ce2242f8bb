import type { RollbackDetector } from './rollback-detector.ts'
import type { RedisFence } from './redis-fence.ts'
import { StoreUnavailable, isUnavailable } from '../connection/store-unavailable.ts'
import { readLua } from '../redis/read-lua.ts'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import type { AccountStatus, AccountStatusCopies, CopiedStatus } from '../stores/account-status.ts'

export const accountStatusKey = (userId: string) => `heirloom:user:{${userId}}`

const lua = (file: string) => new URL(`./lua/${file}`, import.meta.url)
const LOAD = readLua(lua('load-account-status.lua'))
const MERGE = readLua(lua('merge-account-status.lua'))

/** Copies in Redis, used while the fence is enabled. They are merged by version: a slow reader cannot bring an older one back. */
export class AccountStatusCache implements AccountStatusCopies {
  readonly #redis: RedisAccess | null
  readonly #fence: RedisFence
  readonly #rollback: RollbackDetector
  readonly #keptMs: number
  readonly #load: RunScript<(string | null)[]>
  readonly #merge: RunScript<unknown>

  /**
   * @param redis null for a server without Redis: it has no copies, but makes its changes visible to the other servers.
   * @param keptMs the absolute lifetime of a session, so that Postgres is asked about a user once.
   */
  constructor(redis: RedisAccess | null, fence: RedisFence, rollback: RollbackDetector, keptMs: number) {
    this.#redis = redis
    this.#fence = fence
    this.#rollback = rollback
    this.#keptMs = keptMs
    this.#load = redis?.script('heirloomLoadAccountStatus', LOAD) ?? withoutRedis
    this.#merge = redis?.script('heirloomMergeAccountStatus', MERGE) ?? withoutRedis
  }

  async get(userId: string): Promise<AccountStatus | null> {
    if (!this.#fence.isEnabled) return null
    const fields = await this.#fence.whileEnabled(this.#load(accountStatusKey(userId))).catch(() => [])
    const status = Number(fields[0]) < this.#fence.epoch ? null : toStatus(fields)
    return status?.attributes ? { ...status, attributes: status.attributes } : null
  }

  get epoch(): number {
    return this.#fence.epoch
  }

  async store(userId: string, status: AccountStatus, epoch: number): Promise<void> {
    if (this.#fence.isEnabled) await this.#fence.whileEnabled(this.#write(userId, status, epoch)).catch(() => undefined)
  }

  async publish(userId: string, status: AccountStatus, epoch: number): Promise<void> {
    const isWritten = await this.#write(userId, status, epoch).then(
      () => true,
      (error: unknown) => {
        if (isUnavailable(error, 'Redis')) return false
        throw error
      },
    )
    await Promise.all([this.#fence.ensureVisible(isWritten ? epoch : null), this.#rollback.count()])
  }

  async *all(): AsyncGenerator<Map<string, CopiedStatus>> {
    for await (const keys of this.#redis?.scan(accountStatusKey('*')) ?? []) {
      const found = new Map<string, CopiedStatus>()
      await Promise.all(
        keys.map(async (key) => {
          const status = toStatus(await this.#load(key))
          if (status) found.set(key.slice(accountStatusKey('').length - 1, -1), status)
        }),
      )
      yield found
    }
  }

  async #write(userId: string, status: AccountStatus, epoch: number): Promise<void> {
    const { version, roles, disabled, attributes } = status
    const values = [version, roles.join(' '), disabled ? '1' : '0', `${version} ${JSON.stringify(attributes)}`]
    await this.#merge(accountStatusKey(userId), epoch, this.#keptMs, ...values)
  }
}

const withoutRedis = () => Promise.reject(new StoreUnavailable('Redis', new Error('this server has no Redis')))

function toStatus([, version, roles, disabled, attributes]: readonly (string | null)[]): CopiedStatus | null {
  if (!version) return null
  return {
    version: Number(version),
    roles: roles ? roles.split(' ') : [],
    disabled: disabled === '1',
    // A server of an earlier version writes a newer status and leaves the attributes: they name the version that they are of.
    attributes: attributes?.startsWith(`${version} `) ? JSON.parse(attributes.slice(version.length + 1)) : null,
  }
}
