import { setTimeout as sleep } from 'node:timers/promises'
import { LineBudget } from '@heirloom/http-service'
import { type LocalKeySet, localKeySet } from '@heirloom/verifier'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Config } from './config.ts'
import { ALGORITHM_NAMES } from './keys/algorithms.ts'
import { keyEncryption } from './keys/key-encryption.ts'
import { KeyRing } from './keys/key-ring.ts'
import { TokenSigner } from './keys/token-signer.ts'
import { StoreClocks, addGauges, eventCounter } from './metrics.ts'
import { AttemptThrottle } from './credentials/attempt-throttle.ts'
import { PasswordHasher } from './credentials/password-hasher.ts'
import { refreshTokens } from './rules/refresh-token.ts'
import type { Core } from './services/core.ts'
import { prune } from './services/prune.ts'
import type { Restorable } from './services/restore.ts'
import { type SecurityEvent, repeatKey } from './services/security-event.ts'
import { Accounts } from './stores/accounts.ts'
import { checkDatabase } from './postgres/check-database.ts'
import { openDatabase } from './postgres/database.ts'
import { RollbackDetector } from './replication/rollback-detector.ts'
import { PostgresRolledBack } from './replication/postgres-rolled-back.ts'
import { LayeredFamilyStore } from './replication/layered-family-store.ts'
import { WriteBehind } from './replication/write-behind.ts'
import { PostgresFamilyStore } from './stores/postgres-family-store.ts'
import type { RedisAccess } from './redis/redis-access.ts'
import { RedisCluster } from './redis/redis-cluster.ts'
import { COMMAND_TIMEOUT_MS, RedisConnection } from './redis/redis-connection.ts'
import { RedisFamilyStore } from './stores/redis-family-store.ts'
import { RedisFence } from './replication/redis-fence.ts'
import { explainRedis } from './redis/redis-fault.ts'
import { parseRedisUrl } from './redis/redis-url.ts'
import { type KeptEvent, AuditEvents } from './stores/audit-events.ts'
import { Sessions } from './stores/sessions.ts'
import { AccountStatusCache } from './replication/account-status-cache.ts'
import { READ_ONLY_WORDS } from './postgres/postgres-fault.ts'
import { isUnavailable, reasonOf } from './connection/store-unavailable.ts'

/** A key that another server made is known here after this long; much shorter than its lead. */
const KEYS_EVERY_MS = 5_000
const TRUST_TIMEOUT_MS = 300
/** Nobody waits for a restore's commands one by one, and many are sent at once. */
const RESTORE_TIMEOUT_MS = 10_000
const PRUNE_EVERY_MS = 10 * 60_000
/** How long a start asks for Postgres, which may be starting too. */
const POSTGRES_WITHIN_MS = 5_000
/** How long a start waits for Redis; then it goes on through Postgres. */
const REDIS_WITHIN_MS = 2_000
/** How often a server says why it does not use Redis, while it does not. */
const REDIS_TOLD_EVERY_MS = 60_000

type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

export interface ServerParts {
  core: Core
  rollback: RollbackDetector
  /** Lends the stores to a restore, with a Redis that may keep a command waiting. */
  forRestore: <T>(work: (stores: Restorable) => Promise<T>) => Promise<T>
  /** The public keys of this server's own tokens. */
  keySet: LocalKeySet
  /** What keeps this server from serving, in plain words. */
  notReady: () => Promise<string[]>
  /** Writes what is waiting, then lets go of the stores. */
  close: () => Promise<void>
}

/** Every dependency of the server is made here. @throws where a store does not answer or a secret does not fit. */
export async function wire(config: Config, log: Log, metrics: Registry): Promise<ServerParts> {
  let connectionTrouble: unknown = null
  const redis = config.redisUrl === undefined ? null : openRedis(config.redisUrl, onTrouble, COMMAND_TIMEOUT_MS)
  function onTrouble(error: Error) {
    connectionTrouble = error
    log.debug({ reason: error.message }, 'Redis')
  }
  // Connections of its own: requests that fill the pool must not look like a Postgres that is away.
  const trustDatabase = openDatabase({ url: config.databaseUrl, poolSize: 4, statementTimeoutMs: TRUST_TIMEOUT_MS })
  const fence = new RedisFence(trustDatabase, redis, (isTrusted) =>
    isTrusted
      ? log.info('refreshes go through Redis')
      : log.warn('refreshes go through Postgres: Redis does not answer, or has to catch up'),
  )
  const lost = new PostgresRolledBack(config.postgresRollback).message
  const onHistory = (isLost: boolean) => (isLost ? log.error(lost) : log.info('Postgres has all that it acknowledged'))
  const rollback = new RollbackDetector(trustDatabase, redis, onHistory, config.postgresRollback)
  const database = openDatabase({
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
    check: (connection) => rollback.check(connection),
  })
  const events = new AuditEvents(database)
  const count = eventCounter(metrics)
  const budget = new LineBudget((kind, more) => log.info({ kind, more }, `${more} more like these`))
  const isVerbose = ['debug', 'trace'].includes(config.logLevel)
  const audit = (event: SecurityEvent) => {
    if (isVerbose || budget.allows(kindOf(event))) logEvent(log, event)
    count(event)
    // It was refused before it had cost anything, and leaves nothing.
    if (!(event.type === 'login_refused' && event.reason === 'throttled')) events.add(toKept(event))
  }

  const families = new PostgresFamilyStore(database)
  const writeBehind = new WriteBehind({
    write: (growths) => families.merge(growths),
    onChange: (isWriting) =>
      isWriting
        ? log.info('Postgres has the marks of all refreshes')
        : log.warn('Postgres does not take the marks of refreshes; they wait'),
  })
  const cache = redis && new RedisFamilyStore(redis, () => fence.epoch)
  const keys = new KeyRing(database, keyEncryption(config.keyEncryptionSecret), config.keyPolicy, (kid) =>
    audit({ type: 'key_made', kid }),
  )
  const clocks = new StoreClocks()
  const core: Core = {
    config,
    families: new LayeredFamilyStore({ cache, durable: families, writeBehind, fence, rollback }),
    sessions: new Sessions(database),
    accounts: new Accounts(database, new AccountStatusCache(redis, fence, rollback, config.refreshAbsoluteTtlMs)),
    keys,
    signer: new TokenSigner(keys),
    refreshTokens: refreshTokens(config.tokenSecrets),
    hasher: new PasswordHasher(config.hashesAtOnce),
    throttle: new AttemptThrottle(config.throttlePolicy, redis),
    events,
    audit,
    seeStoreTime: (now) => clocks.see(now - Date.now()),
  }

  const timers: NodeJS.Timeout[] = []
  const close = async () => {
    budget.close()
    for (const timer of timers) clearInterval(timer)
    await Promise.all([writeBehind.close(), events.flush()])
    await Promise.all([fence.stop(), rollback.stop()])
    redis?.close()
    await core.hasher.close()
    await Promise.all([database.$disconnect(), trustDatabase.$disconnect()])
  }

  const published = () => keys.published(Date.now()).map(({ publicJwk }) => publicJwk)
  try {
    const { isReadOnly } = await retryUntil(() => checkDatabase(database))
    if (isReadOnly) log.warn(READ_ONLY_WORDS)
    await retryUntil(() => keys.refresh())
    await redis?.ready(REDIS_WITHIN_MS)
    await rollback.start()
    await fence.start()
  } catch (error) {
    await close()
    throw error
  }
  const whyNoRedis = () =>
    fence.trouble === null
      ? 'another server writes past Redis, or Redis has to catch up'
      : explainRedis(fence.trouble, connectionTrouble)
  const tellNoRedis = () => {
    if (redis && !fence.isEnabled) log.warn(`Redis is not used, Postgres does all: ${whyNoRedis()}`)
  }
  tellNoRedis()
  timers.push(setInterval(tellNoRedis, REDIS_TOLD_EVERY_MS).unref())
  const keySet = localKeySet(published(), ALGORITHM_NAMES)
  const tell = (line: string) => budget.allows(line, 1) && log.warn(line)
  const refreshKeys = async () => {
    // An older record lacks keys that have signed.
    if (rollback.isRolledBack) return
    await keys.refresh()
    keySet.replace(published())
  }
  timers.push(
    setInterval(() => {
      refreshKeys().catch((error: Error) => tell(`the signing keys could not be read again: ${reasonOf(error)}`))
    }, KEYS_EVERY_MS).unref(),
  )
  timers.push(
    setInterval(() => {
      prune(core).then(
        (pruned) => log.info(pruned, 'pruned'),
        (error: Error) => log.warn({ reason: reasonOf(error) }, 'could not prune'),
      )
    }, PRUNE_EVERY_MS).unref(),
  )

  addGauges(metrics, {
    core,
    isRedisEnabled: () => redis && fence.isEnabled,
    isPostgresRolledBack: () => rollback.isRolledBack,
    updatesWaiting: () => writeBehind.size,
    clocks,
  })

  // One store is enough to refresh: Redis that is trusted, or a Postgres that takes writes.
  const notReady = async () => {
    if (rollback.isRolledBack) return [lost]
    if (fence.isEnabled) return []
    const without = redis ? [`Redis is not used: ${whyNoRedis()}`] : []
    return checkDatabase(database).then(
      ({ isReadOnly }) => (isReadOnly ? [...without, READ_ONLY_WORDS] : []),
      (error: unknown) => [...without, reasonOf(error)],
    )
  }

  const forRestore = async <T>(work: (stores: Restorable) => Promise<T>) => {
    const patient = config.redisUrl === undefined ? null : openRedis(config.redisUrl, onTrouble, RESTORE_TIMEOUT_MS)
    try {
      await patient?.ready(REDIS_WITHIN_MS)
      const standings = patient && new AccountStatusCache(patient, fence, rollback, config.refreshAbsoluteTtlMs)
      const accounts = new Accounts(database, standings)
      return await work({ core: { ...core, accounts }, rollback, redis: patient, durable: families })
    } finally {
      patient?.close()
    }
  }
  return { core, rollback, forRestore, keySet, notReady, close }
}

/** @throws at once what an operator has to mend, and after a few seconds what may pass, in words. */
async function retryUntil<T>(work: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + POSTGRES_WITHIN_MS; ; await sleep(100)) {
    try {
      return await work()
    } catch (error) {
      if (!isUnavailable(error, 'Postgres')) throw error
      if (Date.now() > deadline) throw new Error(reasonOf(error), { cause: error })
    }
  }
}

function openRedis(url: string, onTrouble: (error: Error) => void, timeoutMs: number): RedisAccess {
  const Access = parseRedisUrl(url).kind === 'cluster' ? RedisCluster : RedisConnection
  return new Access(url, onTrouble, timeoutMs)
}

const ALARMING = new Set<SecurityEvent['type']>([
  'reuse',
  'late_repeat',
  'gap',
  'account_rolled_back',
  'postgres_restored',
])

const kindOf = (event: SecurityEvent) => ('reason' in event ? `${event.type} ${event.reason}` : event.type)

function logEvent(log: Log, event: SecurityEvent): void {
  const level = ALARMING.has(event.type) ? 'warn' : 'info'
  log[level]({ event }, 'security event')
}

function toKept({ type, ...event }: SecurityEvent): KeptEvent {
  const at = Date.now()
  const key = repeatKey({ type, ...event } as SecurityEvent, at)
  const { userId, sid, ...detail } = { userId: undefined, sid: undefined, ...event }
  return { at, type, ...(userId && { userId }), ...(sid && { sid }), detail, times: 1, ...(key && { repeatKey: key }) }
}
