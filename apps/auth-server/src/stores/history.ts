import { type Position, type Told, decideHistory } from '../rules/decide-history.ts'
import { type Connection, type Database, ask } from './database.ts'
import { HistoryLost, type Rollback } from './history-lost.ts'
import type { RedisAccess, RunScript } from './redis-access.ts'
import { type Claim, type Restoring, withRestoreClaim } from './restore-claim.ts'
import { StoreUnavailable } from './store-unavailable.ts'

const LOOK_EVERY_MS = 250
const KEY = 'heirloom:history'
/** Positions whose marks Redis keeps: more than are ever counted between a fall back and the next look. */
const MARKS_KEPT = 256
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
for old = newest - ${MARKS_KEPT - 1}, math.min(newest, position - ${MARKS_KEPT}) do
  redis.call('HDEL', KEYS[1], 'at:' .. old)
end
if position > newest then redis.call('HSET', KEYS[1], 'newest', ARGV[1]) end
if position > newest - ${MARKS_KEPT} then redis.call('HSETNX', KEYS[1], 'at:' .. ARGV[1], mark) end
local known = redis.call('HGET', KEYS[1], 'at:' .. ARGV[1])
if position >= newest and known == mark then
  if ARGV[5] == '1' and epoch > tonumber(had[3] or '0') then redis.call('HSET', KEYS[1], 'past', ARGV[3]) end
  if epoch > tonumber(had[2] or '0') then redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'process', ARGV[4]) end
end
return { math.max(newest, position), known }`

/** ARGV: a position, whose mark is asked for. */
const REMEMBER = `return redis.call('HMGET', KEYS[1], 'newest', 'epoch', 'process', 'past', 'at:' .. ARGV[1])`

interface Row extends Position {
  isLost: boolean
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
export class History {
  readonly #database: Database
  readonly #onChange: (isLost: boolean) => void
  readonly #redis: RedisAccess | null
  readonly #read: string
  readonly #count: string
  readonly #rollback: Rollback
  readonly #tell: RunScript<[number, string?]> | undefined
  readonly #remember: RunScript<(string | null)[]> | undefined
  #isLost = false
  #alarms = 0
  /** The Postgres that answered last. */
  #started = ''
  /** The newest position that was seen. */
  #newest = 0
  /** Whether Redis answered when it was last told. What it cannot be told is not counted either. */
  #isHeard = false
  #isUntold = false
  #covering: Promise<void> = Promise.resolve()
  #coverNext: Promise<void> | null = null
  #looking: Promise<void> | null = null
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
    this.#tell = redis?.script('heirloomTellHistory', TELL)
    this.#remember = redis?.script('heirloomRememberHistory', REMEMBER)
  }

  get isLost(): boolean {
    return this.#isLost
  }

  /** What keeps the record from being believed, if anything does. */
  get fault(): HistoryLost | undefined {
    return this.#isLost ? new HistoryLost(this.#rollback) : undefined
  }

  /** @throws HistoryLost */
  assertIntact(): void {
    const { fault } = this
    if (fault) throw fault
  }

  /** Looks for the first time, then again and again until `stop`. */
  async start(): Promise<void> {
    await this.look()
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  /** Compares; callers at the same time share one look. Never throws: while Postgres is away, nothing is known. */
  look(): Promise<void> {
    this.#looking ??= this.#look(this.#isUntold)
      .catch(() => undefined)
      .finally(() => (this.#looking = null))
    return this.#looking
  }

  /** Something was committed that is to be counted at the next look. */
  note(): void {
    this.#isUntold = true
  }

  /**
   * Counts what was committed a moment ago, and tells Redis, so that a Postgres without it is noticed.
   * @throws HistoryLost, and StoreUnavailable where Postgres does not answer, or is another one than a moment ago.
   */
  async cover(): Promise<void> {
    this.assertIntact()
    const started = this.#started
    if (!this.#isHeard) return this.note()
    // Callers share a count, but only one that begins after they asked.
    this.#coverNext ??= this.#covering
      .catch(() => undefined)
      .then(() => {
        this.#coverNext = null
        this.#covering = this.#look(true)
        return this.#covering
      })
    await this.#coverNext
    this.assertIntact()
    // One that took over in between may lack the commit, and was counted on all the same.
    if (started !== this.#started) throw new StoreUnavailable('Postgres', new Error('another one took over'))
  }

  /** Compares what a new connection leads to, before it is used: another Postgres can only be reached by a new one. */
  async check(client: Connection): Promise<void> {
    const before = this.#before()
    const { rows } = await client.query(this.#read)
    await this.#judge(toRow(rows as RawRow[]), before)
  }

  /** What a restore goes by: the epoch of the copies in Redis that no server worked past, or null. */
  async remembered(): Promise<{ newest: number; epoch: number | null }> {
    if (!this.#redis || !this.#remember) return { newest: 0, epoch: null }
    const [[newest, epoch, process, past], runId] = await Promise.all([this.#remember(KEY, 0), this.#redis.probe()])
    const isWhole = process === runId && Number(epoch) > Number(past ?? 0)
    return { newest: Number(newest ?? 0), epoch: isWhole ? Number(epoch) : null }
  }

  /** Whether this server's own Redis knows of more than Postgres has. Another Redis, or none, is no reason to end sessions. */
  async isShownByRedis(): Promise<boolean> {
    if (!this.#remember) return false
    const { position, mark } = await this.#ask(false)
    const [newest, , , , known = null] = await this.#remember(KEY, position)
    return Number(newest ?? 0) > position || (known !== null && known !== mark)
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
      if (declares) await ask(this.#database.$executeRaw`UPDATE ${this.#database.tables.history} SET is_lost = true`)
      if (!(await this.#ask(false)).isLost) return { state: 'intact' }
      const result = await work()
      await this.#beginAnew(claim)
      return { state: 'done', result }
    }
    try {
      return (await withRestoreClaim(this.#database, whole)) ?? { state: 'busy' }
    } finally {
      await this.look()
    }
  }

  /** From here on Postgres is whole again, and copies in Redis are merged with it before they are believed. */
  async #beginAnew(claim: Claim): Promise<void> {
    const { newest, epoch } = await this.remembered()
    const { history, redisTrust } = this.#database.tables
    await ask(claim.$executeRaw`
      WITH distrust AS (
        UPDATE ${redisTrust} SET run_id = '', suspended_until = NULL,
          epoch = greatest(epoch, ${epoch ?? 0}::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint) + 1
        WHERE (SELECT is_lost FROM ${history}))
      UPDATE ${history} SET is_lost = false, mark = gen_random_uuid(), position = greatest(position, ${newest}::bigint) + ${LEAP}::bigint
      WHERE is_lost`)
  }

  async #look(counts: boolean): Promise<void> {
    const before = this.#before()
    const isCounted = counts && this.#isHeard
    this.#isUntold &&= !isCounted
    try {
      await this.#judge(await this.#ask(isCounted), before)
    } catch (error) {
      this.#isUntold ||= isCounted
      throw error
    }
  }

  /** What was known before Postgres was read. */
  #before() {
    return { newest: this.#newest, alarms: this.#alarms }
  }

  async #judge(record: Row, before: { newest: number; alarms: number }): Promise<void> {
    let { newest } = before
    let row = record
    for (;;) {
      this.#started = row.started
      if (row.isLost) return this.#set(true)
      const told = await this.#tellRedis(row)
      const verdict = decideHistory(row, newest, told)
      newest = Math.max(newest, row.position, told?.newest ?? 0)
      if (verdict === 'lost') break
      if (verdict === 'intact') {
        this.#newest = Math.max(this.#newest, newest)
        // What was read before the last alarm does not end it.
        if (before.alarms === this.#alarms) this.#set(false)
        return
      }
      row = await this.#ask(false)
    }
    this.#set(true)
    // Not where a restore has ended it meanwhile.
    await ask(
      this.#database
        .$executeRaw`UPDATE ${this.#database.tables.history} SET is_lost = true WHERE position < ${newest + LEAP / 2}::bigint`,
    )
  }

  async #tellRedis({ position, mark, epoch, runId, isSuspended }: Row): Promise<Told | null> {
    if (!this.#tell) return null
    try {
      const [newest, known = null] = await this.#tell(KEY, position, mark, epoch, runId, isSuspended ? 1 : 0)
      this.#isHeard = true
      return { newest, mark: known }
    } catch {
      this.#isHeard = false
      return null
    }
  }

  /** @param counts whether to move the position on; one that is lost stays. */
  async #ask(counts: boolean): Promise<Row> {
    const rows = counts ? await ask(this.#database.$queryRawUnsafe<RawRow[]>(this.#count)) : []
    return toRow(rows.length > 0 ? rows : await ask(this.#database.$queryRawUnsafe<RawRow[]>(this.#read)))
  }

  #set(isLost: boolean): void {
    if (isLost) this.#alarms++
    if (isLost === this.#isLost) return
    this.#isLost = isLost
    this.#onChange(isLost)
  }
}

function toRow([row]: readonly RawRow[]): Row {
  if (!row) throw new Error('the table history has no row: the migrations make it')
  const { position, mark, is_lost: isLost, epoch, run_id: runId, is_suspended: isSuspended, started } = row
  return { position: Number(position), mark, isLost, epoch: Number(epoch), runId, isSuspended, started }
}
