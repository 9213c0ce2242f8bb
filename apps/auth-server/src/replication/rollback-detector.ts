import { type Position, type Witnessed, decideRollback } from '../rules/decide-rollback.ts'
import { type Connection, type Database, query } from '../postgres/database.ts'
import { PostgresRolledBack, type Rollback } from './postgres-rolled-back.ts'
import type { RedisAccess, RunScript } from '../redis/redis-access.ts'
import { type Claim, type Restoring, withRestoreClaim } from './restore-claim.ts'
import { StoreUnavailable } from '../stores/store-unavailable.ts'

const POLL_EVERY_MS = 250
const KEY = 'heirloom:history'
/** Positions whose marks Redis keeps: more than are ever counted between a fall back and the next look. */
const NONCES_KEPT = 256
/** So far does a restore move the position on: past whatever a server may remember. */
const LEAP = 1_000_000_000

/**
 * ARGV: position, mark, the epoch and the Redis process that it was begun for, and whether a server works past Redis in
 * it. Answers the newest position that was ever told, and the mark of this one.
 */
const TELL = `
local position, mark, epoch = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local had = redis.call('HMGET', KEYS[1], 'newest', 'epoch', 'past')
local newest = tonumber(had[1] or '-1')
for old = newest - ${NONCES_KEPT - 1}, math.min(newest, position - ${NONCES_KEPT}) do
  redis.call('HDEL', KEYS[1], 'at:' .. old)
end
if position > newest then redis.call('HSET', KEYS[1], 'newest', ARGV[1]) end
if position > newest - ${NONCES_KEPT} then redis.call('HSETNX', KEYS[1], 'at:' .. ARGV[1], mark) end
local known = redis.call('HGET', KEYS[1], 'at:' .. ARGV[1])
if position >= newest and known == mark then
  if ARGV[5] == '1' and epoch > tonumber(had[3] or '0') then redis.call('HSET', KEYS[1], 'past', ARGV[3]) end
  if epoch > tonumber(had[2] or '0') then redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'process', ARGV[4]) end
end
return { math.max(newest, position), known }`

/** ARGV: a position, whose mark is asked for. */
const REMEMBER = `return redis.call('HMGET', KEYS[1], 'newest', 'epoch', 'process', 'past', 'at:' .. ARGV[1])`

interface Row extends Position {
  isRolledBack: boolean
  epoch: number
  runId: string
  isSuspended: boolean
  /** When the process that answered was started: another one may have taken over. */
  started: string
}

/** As Prisma or pg answers it. */
interface RawRow {
  position: bigint | string
  mark: string
  is_lost: boolean
  epoch: bigint | string
  run_id: string
  is_suspended: boolean
  started: string
}

/** Two sessions may write the same time in different ways, but not the same number. */
const COLUMNS = `position, mark, is_lost, epoch, run_id, suspended_until IS NOT NULL AS is_suspended,
                 extract(epoch FROM pg_postmaster_start_time())::text AS started`

/**
 * Notices a Postgres that has lost what it acknowledged. Its position grows after every commit that Redis could not give
 * back, and Redis is told before that commit is acknowledged; whoever then finds Postgres before a position that Redis
 * knows, or at one with another mark, writes so into Postgres for all to see. The rule is `decideHistory`.
 */
export class RollbackDetector {
  readonly #database: Database
  readonly #onChange: (isLost: boolean) => void
  readonly #redis: RedisAccess | null
  readonly #read: string
  readonly #count: string
  readonly #rollback: Rollback
  readonly #publishScript: RunScript<[number, string?]> | undefined
  readonly #readScript: RunScript<(string | null)[]> | undefined
  #isRolledBack = false
  #alarms = 0
  /** The Postgres that answered last. */
  #started = ''
  /** The newest position that was seen. */
  #newest = 0
  /** Whether Redis answered when it was last told. What it cannot be told is not counted either. */
  #redisAnswered = false
  #isUncounted = false
  #counting: Promise<void> = Promise.resolve()
  #countNext: Promise<void> | null = null
  #polling: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined

  /**
   * @param redis null for a server that works without: it sees what others noticed, and notices nothing by itself.
   * @param rollback what its faults say.
   */
  constructor(
    database: Database,
    redis: RedisAccess | null,
    onChange: (isLost: boolean) => void,
    rollback: Rollback = 'stop',
  ) {
    this.#database = database
    const { history, redisTrust } = database.tables
    this.#read = `SELECT ${COLUMNS} FROM ${history.sql}, ${redisTrust.sql}`
    this.#count = `UPDATE ${history.sql} SET position = position + 1, mark = gen_random_uuid()
                   FROM ${redisTrust.sql} WHERE NOT is_lost RETURNING ${COLUMNS}`
    this.#rollback = rollback
    this.#redis = redis
    this.#onChange = onChange
    this.#publishScript = redis?.script('heirloomTellHistory', TELL)
    this.#readScript = redis?.script('heirloomRememberHistory', REMEMBER)
  }

  get isRolledBack(): boolean {
    return this.#isRolledBack
  }

  /** What keeps the record from being believed, if anything does. */
  get fault(): PostgresRolledBack | undefined {
    return this.#isRolledBack ? new PostgresRolledBack(this.#rollback) : undefined
  }

  /** @throws HistoryLost */
  assertIntact(): void {
    const { fault } = this
    if (fault) throw fault
  }

  /** Looks for the first time, then again and again until `stop`. */
  async start(): Promise<void> {
    await this.poll()
    this.#timer = setInterval(() => void this.poll(), POLL_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#polling
  }

  /** Compares; callers at the same time share one look. Never throws: while Postgres is away, nothing is known. */
  poll(): Promise<void> {
    this.#polling ??= this.#pollOnce(this.#isUncounted)
      .catch(() => undefined)
      .finally(() => (this.#polling = null))
    return this.#polling
  }

  /** Something was committed that is to be counted at the next look. */
  countLater(): void {
    this.#isUncounted = true
  }

  /**
   * Counts what was committed a moment ago, and tells Redis, so that a Postgres without it is noticed.
   * @throws HistoryLost, and StoreUnavailable where Postgres does not answer, or is another one than a moment ago.
   */
  async count(): Promise<void> {
    this.assertIntact()
    const started = this.#started
    if (!this.#redisAnswered) return this.countLater()
    // Callers share a count, but only one that begins after they asked.
    this.#countNext ??= this.#counting
      .catch(() => undefined)
      .then(() => {
        this.#countNext = null
        this.#counting = this.#pollOnce(true)
        return this.#counting
      })
    await this.#countNext
    this.assertIntact()
    // One that took over in between may lack the commit, and was counted on all the same.
    if (started !== this.#started) throw new StoreUnavailable('Postgres', new Error('another one took over'))
  }

  /** Compares what a new connection leads to, before it is used: another Postgres can only be reached by a new one. */
  async check(client: Connection): Promise<void> {
    const before = this.#before()
    const { rows } = await client.query(this.#read)
    await this.#compare(toRow(rows as RawRow[]), before)
  }

  /** What a restore goes by: the epoch of the copies in Redis that no server worked past, or null. */
  async remembered(): Promise<{ newest: number; epoch: number | null }> {
    if (!this.#redis || !this.#readScript) return { newest: 0, epoch: null }
    const [[newest, epoch, process, past], runId] = await Promise.all([this.#readScript(KEY, 0), this.#redis.probe()])
    const isWhole = process === runId && Number(epoch) > Number(past ?? 0)
    return { newest: Number(newest ?? 0), epoch: isWhole ? Number(epoch) : null }
  }

  /** Whether this server's own Redis knows of more than Postgres has. Another Redis, or none, is no reason to end sessions. */
  async isShownByRedis(): Promise<boolean> {
    if (!this.#readScript) return false
    const { position, nonce } = await this.#readPosition(false)
    const [newest, , , , known = null] = await this.#readScript(KEY, position)
    return Number(newest ?? 0) > position || (known !== null && known !== nonce)
  }

  /**
   * Does what makes an older Postgres the record again, in one process at a time. A transaction holds the claim, and the
   * loss ends in it: a process that dies in the middle, or a Postgres that is replaced by another one, leaves it as it was,
   * and the next one does the whole again.
   * @param work may run more than once, and in a process whose claim has ended at the same time as in another one.
   * @param declares whether Postgres is to be treated as one that lost something, without a look that says so.
   */
  async restoring<T>(work: () => Promise<T>, declares = false): Promise<Restoring<T>> {
    const whole = async (claim: Claim): Promise<Restoring<T>> => {
      if (declares) await query(this.#database.$executeRaw`UPDATE ${this.#database.tables.history} SET is_lost = true`)
      if (!(await this.#readPosition(false)).isRolledBack) return { state: 'intact' }
      const result = await work()
      await this.#declareWhole(claim)
      return { state: 'done', result }
    }
    try {
      return (await withRestoreClaim(this.#database, whole)) ?? { state: 'busy' }
    } finally {
      await this.poll()
    }
  }

  /** From here on Postgres is whole again, and copies in Redis are merged with it before they are believed. */
  async #declareWhole(claim: Claim): Promise<void> {
    const { newest, epoch } = await this.remembered()
    const { history, redisTrust } = this.#database.tables
    await query(claim.$executeRaw`
      WITH distrust AS (
        UPDATE ${redisTrust} SET run_id = '', suspended_until = NULL,
          epoch = greatest(epoch, ${epoch ?? 0}::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) + 1
        WHERE (SELECT is_lost FROM ${history}))
      UPDATE ${history} SET is_lost = false, mark = gen_random_uuid(), position = greatest(position, ${newest}::bigint) + ${LEAP}::bigint
      WHERE is_lost`)
  }

  async #pollOnce(counts: boolean): Promise<void> {
    const before = this.#before()
    const isCounted = counts && this.#redisAnswered
    this.#isUncounted &&= !isCounted
    try {
      await this.#compare(await this.#readPosition(isCounted), before)
    } catch (error) {
      this.#isUncounted ||= isCounted
      throw error
    }
  }

  /** What was known before Postgres was read. */
  #before() {
    return { newest: this.#newest, alarms: this.#alarms }
  }

  async #compare(record: Row, before: { newest: number; alarms: number }): Promise<void> {
    let { newest } = before
    let row = record
    for (;;) {
      this.#started = row.started
      if (row.isRolledBack) return this.#set(true)
      const told = await this.#publish(row)
      const verdict = decideRollback(row, newest, told)
      newest = Math.max(newest, row.position, told?.newest ?? 0)
      if (verdict === 'lost') break
      if (verdict === 'intact') {
        this.#newest = Math.max(this.#newest, newest)
        // What was read before the last alarm does not end it.
        if (before.alarms === this.#alarms) this.#set(false)
        return
      }
      row = await this.#readPosition(false)
    }
    this.#set(true)
    // Not where a restore has ended it meanwhile.
    await query(
      this.#database
        .$executeRaw`UPDATE ${this.#database.tables.history} SET is_lost = true WHERE position < ${newest + LEAP / 2}::bigint`,
    )
  }

  async #publish({ position, nonce, epoch, runId, isSuspended }: Row): Promise<Witnessed | null> {
    if (!this.#publishScript) return null
    try {
      const [newest, known = null] = await this.#publishScript(KEY, position, nonce, epoch, runId, isSuspended ? 1 : 0)
      this.#redisAnswered = true
      return { newest, nonce: known }
    } catch {
      this.#redisAnswered = false
      return null
    }
  }

  /** @param counts whether to move the position on; one that is lost stays. */
  async #readPosition(counts: boolean): Promise<Row> {
    const rows = counts ? await query(this.#database.$queryRawUnsafe<RawRow[]>(this.#count)) : []
    return toRow(rows.length > 0 ? rows : await query(this.#database.$queryRawUnsafe<RawRow[]>(this.#read)))
  }

  #set(isLost: boolean): void {
    if (isLost) this.#alarms++
    if (isLost === this.#isRolledBack) return
    this.#isRolledBack = isLost
    this.#onChange(isLost)
  }
}

function toRow([row]: readonly RawRow[]): Row {
  if (!row) throw new Error('the table history has no row: the migrations make it')
  const { position, mark: nonce, is_lost: isRolledBack, epoch, run_id: runId, is_suspended: isSuspended, started } = row
  return { position: Number(position), nonce, isRolledBack, epoch: Number(epoch), runId, isSuspended, started }
}
