import { type LocalKeySet, localKeySet } from '@heirloom/verifier'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { ALGORITHM_NAMES } from './keys/algorithms.ts'
import { keyEncryption } from './keys/key-encryption.ts'
import { KeyRing } from './keys/key-ring.ts'
import { TokenSigner } from './keys/token-signer.ts'
import { AttemptThrottle } from './passwords/attempt-throttle.ts'
import { PasswordHasher } from './passwords/password-hasher.ts'
import { refreshTokens } from './rules/refresh-token.ts'
import type { Core } from './services/core.ts'
import type { SecurityEvent } from './services/security-event.ts'
import { Accounts } from './stores/accounts.ts'
import { ask, openDatabase } from './stores/database.ts'
import { LayeredFamilyStore } from './stores/layered-family-store.ts'
import { MarkWriter } from './stores/mark-writer.ts'
import { PostgresFamilyStore } from './stores/postgres-family-store.ts'
import { RedisConnection } from './stores/redis-connection.ts'
import { RedisFamilyStore } from './stores/redis-family-store.ts'
import { Sessions } from './stores/sessions.ts'
import { StandingCache } from './stores/standing-cache.ts'

/** A key that another server made is known here after this long; much shorter than its lead. */
const KEYS_EVERY_MS = 5_000
/** How long a start waits for its stores. */
const START_WITHIN_MS = 10_000

type Log = Pick<Logger, 'info' | 'warn' | 'error'>

export interface Composition {
  core: Core
  /** The public keys of this server's own tokens. */
  keySet: LocalKeySet
  /** What keeps this server from serving, in plain words. */
  notReady: () => Promise<string[]>
  /** Writes what is waiting, then lets go of the stores. */
  close: () => Promise<void>
}

/** Every dependency of the server is made here. @throws where a store does not answer or a secret does not fit. */
export async function compose(config: Config, log: Log): Promise<Composition> {
  const database = openDatabase({
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
  })
  const redis = config.redisUrl === undefined ? null : new RedisConnection(config.redisUrl)
  redis?.client.on('error', (error: Error) => log.warn({ reason: error.message }, 'Redis does not answer'))

  const record = new PostgresFamilyStore(database)
  const marks = new MarkWriter({
    write: (growths) => record.merge(growths),
    onError: () => log.warn({ waiting: marks.size }, 'Postgres did not take the marks of refreshes; they wait'),
  })
  const keys = new KeyRing(database, keyEncryption(config.keyEncryptionSecret), config.keyPolicy)
  const core: Core = {
    config,
    families: redis ? new LayeredFamilyStore(new RedisFamilyStore(redis), record, marks) : record,
    sessions: new Sessions(database),
    accounts: new Accounts(database, redis && new StandingCache(redis)),
    keys,
    signer: new TokenSigner(keys),
    refreshTokens: refreshTokens(config.tokenSecrets),
    hasher: new PasswordHasher(config.hashesAtOnce),
    throttle: new AttemptThrottle(config.throttlePolicy, redis),
    record: (event) => logEvent(log, event),
  }

  let timer: NodeJS.Timeout | undefined
  const close = async () => {
    clearInterval(timer)
    await marks.close()
    await redis?.close()
    await database.$disconnect()
  }

  const published = () => keys.published(Date.now()).map(({ publicJwk }) => publicJwk)
  try {
    await Promise.all([redis?.ready(START_WITHIN_MS), keys.refresh()])
  } catch (error) {
    await close()
    throw error
  }
  const keySet = localKeySet(published(), ALGORITHM_NAMES)
  const refreshKeys = async () => {
    await keys.refresh()
    keySet.replace(published())
  }
  timer = setInterval(() => {
    refreshKeys().catch((error: Error) =>
      log.warn({ reason: error.message }, 'the signing keys could not be read again'),
    )
  }, KEYS_EVERY_MS).unref()

  const notReady = async () => {
    const reasons: string[] = []
    if (redis && !redis.isReady) reasons.push('Redis does not answer')
    await ask(database.$queryRaw`SELECT 1`).catch(() => reasons.push('Postgres does not answer'))
    return reasons
  }
  return { core, keySet, notReady, close }
}

const ALARMING = new Set<SecurityEvent['type']>(['reuse', 'late_repeat', 'gap'])

function logEvent(log: Log, event: SecurityEvent): void {
  const level = ALARMING.has(event.type) ? 'warn' : 'info'
  log[level]({ event }, 'security event')
}
