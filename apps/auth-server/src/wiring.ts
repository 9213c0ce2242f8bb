import { setTimeout as sleep } from 'node:timers/promises'
import { LineBudget } from '@heirloom/http-service'
import { type LocalKeySet, localKeySet } from '@heirloom/verifier'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { startBackground } from './background.ts'
import type { Config } from './config.ts'
import { AttemptThrottle } from './credentials/attempt-throttle.ts'
import { PasswordHasher } from './credentials/password-hasher.ts'
import { ALGORITHM_NAMES } from './keys/algorithms.ts'
import { keyEncryption } from './keys/key-encryption.ts'
import { KeyRing } from './keys/key-ring.ts'
import { TokenLifetimes } from './keys/token-lifetimes.ts'
import { TokenSigner } from './keys/token-signer.ts'
import { StoreClocks, addGauges, eventCounter } from './metrics.ts'
import { checkDatabase } from './postgres/check-database.ts'
import { openDatabase } from './postgres/database.ts'
import { READ_ONLY_DESCRIPTION } from './postgres/postgres-fault.ts'
import { ANOTHER_REDIS, readinessOf } from './readiness.ts'
import { openRedis } from './redis/open-redis.ts'
import type { RedisAccess } from './redis/redis-access.ts'
import { COMMAND_TIMEOUT_MS } from './redis/redis-connection.ts'
import { AccountStatusCache } from './replication/account-status-cache.ts'
import { FenceRow } from './replication/fence-row.ts'
import { LayeredFamilyStore } from './replication/layered-family-store.ts'
import { PostgresRolledBack } from './replication/postgres-rolled-back.ts'
import { RedisDeletions } from './replication/redis-deletions.ts'
import { RedisFence } from './replication/redis-fence.ts'
import { RevocationWatch } from './replication/revocation-watch.ts'
import { RollbackDetector } from './replication/rollback-detector.ts'
import { UserDeletions } from './replication/user-deletions.ts'
import { WriteBehind } from './replication/write-behind.ts'
import { longestAccessTokenTtlSeconds } from './rules/client-policy.ts'
import { authorizationCodes } from './rules/authorization-code.ts'
import { refreshTokens } from './rules/refresh-token.ts'
import type { Core } from './services/core.ts'
import { prune } from './services/prune.ts'
import { eventRecorder } from './services/record-event.ts'
import { makeFirstRealm } from './services/realm/first-realm.ts'
import { RealmKeeper } from './services/realm/realm-keeper.ts'
import type { RestoreParts } from './services/restore.ts'
import { StatusLists } from './services/status-lists.ts'
import { Accounts } from './stores/accounts.ts'
import { AuditEvents } from './stores/audit-events.ts'
import { Consents } from './stores/consents.ts'
import { DeletedUsers } from './stores/deleted-users.ts'
import { postgresClock } from './stores/clock.ts'
import { RealmRows } from './stores/realm-rows.ts'
import { PostgresFamilyStore } from './stores/postgres-family-store.ts'
import { RedisFamilyStore } from './stores/redis-family-store.ts'
import { PostgresRevocations } from './stores/postgres-revocations.ts'
import { RedisRevocations } from './stores/redis-revocations.ts'
import { Sessions } from './stores/sessions.ts'
import { isUnavailable, reasonOf } from './connection/store-unavailable.ts'

const FENCE_TIMEOUT_MS = 300
/** A restore sends many commands at once and waits for none of them in particular. */
const RESTORE_TIMEOUT_MS = 10_000
/** How long a start waits for Postgres, which may be starting too. */
const POSTGRES_WITHIN_MS = 5_000
/** How long a start waits for Redis. Afterwards the server works through Postgres. */
const REDIS_WITHIN_MS = 2_000

type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

export interface ServerParts {
  core: Core
  rollback: RollbackDetector
  realm: RealmKeeper
  realmRows: RealmRows
  /** Lends the stores to a restore, with a Redis connection that allows commands more time. */
  forRestore: <T>(work: (parts: RestoreParts) => Promise<T>) => Promise<T>
  /** The public keys of this server's own tokens. */
  keySet: LocalKeySet
  /** Why this server should get no traffic, a sentence for each reason. */
  notReady: () => Promise<string[]>
  /** Writes what is waiting, then disconnects from the stores. */
  close: () => Promise<void>
}

/** Makes and starts all parts of the server. @throws if Postgres does not answer or a secret does not fit. */
export async function wire(config: Config, log: Log, metrics: Registry): Promise<ServerParts> {
  // Connections, and which store decides.
  let redisError: unknown = null
  const onRedisError = (error: Error) => {
    redisError = error
    log.debug({ reason: error.message }, 'Redis')
  }
  const connect = (timeoutMs: number) =>
    config.redisUrl === undefined ? null : openRedis(config.redisUrl, onRedisError, timeoutMs)
  const redis = connect(COMMAND_TIMEOUT_MS)
  // The fence and the detector have their own pool: requests that fill the other pool must not look like a Postgres that is
  // down.
  const fenceDatabase = openDatabase({ url: config.databaseUrl, poolSize: 4, statementTimeoutMs: FENCE_TIMEOUT_MS })
  const fence = new RedisFence(fenceDatabase, redis, (isEnabled) => {
    // Two servers with different Redis take turns, four times a second.
    if (fence.isContested) {
      if (budget.allows(ANOTHER_REDIS, 1))
        log.warn(`Redis is not used, so Postgres does all the work: ${ANOTHER_REDIS}`)
    } else if (isEnabled) log.info('refreshes go through Redis')
    else log.warn('refreshes go through Postgres: Redis does not answer, or must first catch up')
  })
  const onRollback = (isRolledBack: boolean) =>
    isRolledBack
      ? log.error(new PostgresRolledBack(config.postgresRollback).message)
      : log.info('Postgres has all data that it acknowledged')
  const rollback = new RollbackDetector(fenceDatabase, redis, onRollback, config.postgresRollback)
  const database = openDatabase({
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
    check: (connection) => rollback.check(connection),
  })

  // Security events.
  const events = new AuditEvents(database)
  const budget = new LineBudget((kind, more) => log.info({ kind, more }, `${more} more like these`))
  const isVerbose = ['debug', 'trace'].includes(config.logLevel)
  const audit = eventRecorder({ log, budget: isVerbose ? null : budget, count: eventCounter(metrics), events })

  // What services work with.
  const durable = new PostgresFamilyStore(database)
  const cache = redis && new RedisFamilyStore(redis, () => fence.epoch)
  const writeBehind = new WriteBehind({
    write: (updates) => durable.merge(updates),
    onChange: (isWriting) =>
      isWriting
        ? log.info('Postgres accepts the updates of refreshes again')
        : log.warn('Postgres does not accept the updates of refreshes; they wait in memory'),
  })
  const accountsThrough = (access: RedisAccess | null) =>
    new Accounts(database, new AccountStatusCache(access, fence, rollback, config.refreshAbsoluteTtlMs))
  const deletionsThrough = (access: RedisAccess | null) =>
    new UserDeletions({
      rows: new DeletedUsers(database),
      redis: access && new RedisDeletions(access),
      fenceRow: new FenceRow(fenceDatabase),
      rollback,
    })
  const realmRows = new RealmRows(database)
  const realm = new RealmKeeper(realmRows)
  const lifetimes = new TokenLifetimes(database, () => longestAccessTokenTtlSeconds(realm.current(), config))
  // As long as the last token of a key lives, and a minute for clocks that differ.
  const keyPolicy = { ...config.keyPolicy, retireMs: () => (lifetimes.longestSeconds + 60) * 1000 }
  const keys = new KeyRing(database, keyEncryption(config.keyEncryptionSecret), keyPolicy, (kid) =>
    audit({ type: 'key_made', kid }),
  )
  const signer = new TokenSigner(keys)
  const logs = { postgres: new PostgresRevocations(fenceDatabase), redis: redis && new RedisRevocations(redis) }
  const revocations =
    config.statusTtlSeconds > 0
      ? new RevocationWatch(
          logs,
          () => lifetimes.longestSeconds,
          () => fence.enabledSince,
        )
      : null
  redis?.onLost(() => revocations?.readAllOfRedis())
  const clocks = new StoreClocks()
  const core: Core = {
    config,
    realm,
    clock: postgresClock(database),
    families: new LayeredFamilyStore({ cache, durable, writeBehind, fence, rollback }),
    sessions: new Sessions(database),
    consents: new Consents(database),
    accounts: accountsThrough(redis),
    deletions: deletionsThrough(redis),
    keys,
    signer,
    statusLists: revocations && new StatusLists({ config, signer, watch: revocations }),
    refreshTokens: refreshTokens(config.tokenSecrets),
    codes: authorizationCodes(config.tokenSecrets),
    hasher: new PasswordHasher(config.hashesAtOnce),
    throttle: new AttemptThrottle(config.throttlePolicy, redis),
    events,
    audit,
    seeStoreTime: (now) => clocks.see(now),
  }

  // Start, and what runs from then on.
  let stopBackground: (() => void) | undefined
  const close = async () => {
    budget.close()
    stopBackground?.()
    revocations?.stop()
    await Promise.all([writeBehind.close(), events.flush()])
    await Promise.all([fence.stop(), rollback.stop()])
    redis?.close()
    await core.hasher.close()
    await Promise.all([database.$disconnect(), fenceDatabase.$disconnect()])
  }
  try {
    const { isReadOnly } = await retryUntil(() => checkDatabase(database))
    if (isReadOnly) log.warn(READ_ONLY_DESCRIPTION)
    if (!isReadOnly) await retryUntil(() => makeFirstRealm({ config, realmRows, audit, log }))
    await retryUntil(() => realm.refresh())
    await retryUntil(() => lifetimes.read())
    if (!isReadOnly) await retryUntil(() => lifetimes.use())
    await retryUntil(() => keys.refresh())
    await redis?.ready(REDIS_WITHIN_MS)
    await rollback.start()
    await fence.start()
    await retryUntil(async () => revocations?.start())
  } catch (error) {
    await close()
    throw error
  }
  const publicKeys = () => keys.published(Date.now()).map(({ publicJwk }) => publicJwk)
  const keySet = localKeySet(publicKeys(), ALGORITHM_NAMES)
  const reloadKeys = async () => {
    // A Postgres that was rolled back may lack keys that have signed.
    if (rollback.isRolledBack) return
    await lifetimes.read()
    await keys.refresh()
    keySet.replace(publicKeys())
  }
  const reloadRealm = async () => {
    // A Postgres that was rolled back may lack clients that were disabled.
    if (rollback.isRolledBack) return
    await realm.refresh()
    await lifetimes.use()
  }
  const { whyNoRedis, whyNoRealm, notReady } = readinessOf({
    database,
    fence,
    rollback,
    redis,
    redisError: () => redisError,
    realm,
  })
  stopBackground = startBackground({
    reloadKeys,
    reloadRealm,
    prune: () => prune(core),
    finishDeletions: async () => {
      // A Postgres that was rolled back may lack the user, and Redis not yet.
      if (!rollback.isRolledBack) await core.deletions.finish()
    },
    whyNoRedis,
    whyNoRealm,
    budget,
    log,
  })
  addGauges(metrics, {
    isRedisEnabled: redis && (() => fence.isEnabled),
    isPostgresRolledBack: () => rollback.isRolledBack,
    updatesWaiting: () => writeBehind.size,
    clocks,
    hasher: core.hasher,
    signer: core.signer,
    events,
    statusLists: core.statusLists && { lists: core.statusLists, revoked: () => revocations?.count() ?? 0 },
  })

  const forRestore = async <T>(work: (parts: RestoreParts) => Promise<T>) => {
    const patient = connect(RESTORE_TIMEOUT_MS)
    try {
      await patient?.ready(REDIS_WITHIN_MS)
      const [accounts, deletions] = [accountsThrough(patient), deletionsThrough(patient)]
      return await work({ ...core, accounts, deletions, rollback, redis: patient, durable })
    } finally {
      patient?.close()
    }
  }
  return { core, rollback, realm, realmRows, forRestore, keySet, notReady, close }
}

/** Retries while Postgres does not answer. @throws at once if an operator must act, or the last error after a few seconds. */
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
