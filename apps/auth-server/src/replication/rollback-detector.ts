import { decideRollback } from '../rules/decide-rollback.ts'
import { StoreUnavailable } from '../connection/store-unavailable.ts'
import type { Connection, Database } from '../postgres/database.ts'
import { PostgresPosition, type PositionRow } from './postgres-position.ts'
import { PostgresRolledBack, type Rollback } from './postgres-rolled-back.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import { type Claim, type Restoring, withRestoreClaim } from './restore-claim.ts'
import { RollbackWitness } from './rollback-witness.ts'

const POLL_EVERY_MS = 250

/**
 * Notices a Postgres that lacks what it acknowledged. Its position grows after every commit that Redis could not give back,
 * and is published to Redis before that commit is acknowledged. A server that finds Postgres behind a published position, or
 * at one with another nonce, sets a flag in Postgres for all servers. The rule is `decideRollback`.
 */
export class RollbackDetector {
  readonly #database: Database
  readonly #position: PostgresPosition
  readonly #witness: RollbackWitness
  readonly #rollback: Rollback
  readonly #onChange: (isRolledBack: boolean) => void
  #isRolledBack = false
  /** How often a rollback was noticed. A poll that began before one does not end it. */
  #alarms = 0
  /** Which process of Postgres answered last. */
  #started = ''
  /** The newest position that was seen. */
  #newest = 0
  /** Something was committed that is not counted yet. */
  #isUncounted = false
  #counting: Promise<void> = Promise.resolve()
  #countNext: Promise<void> | null = null
  #polling: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined

  /**
   * @param redis null for a server without Redis: it sees what other servers noticed, and notices nothing by itself.
   * @param onChange called when a rollback is noticed, and when it ends.
   * @param rollback what the error says about the way out.
   */
  constructor(
    database: Database,
    redis: RedisAccess | null,
    onChange: (isRolledBack: boolean) => void,
    rollback: Rollback = 'stop',
  ) {
    this.#database = database
    this.#position = new PostgresPosition(database)
    this.#witness = new RollbackWitness(redis)
    this.#rollback = rollback
    this.#onChange = onChange
  }

  get isRolledBack(): boolean {
    return this.#isRolledBack
  }

  /** The error to answer while Postgres is rolled back. */
  get fault(): PostgresRolledBack | undefined {
    return this.#isRolledBack ? new PostgresRolledBack(this.#rollback) : undefined
  }

  /** @throws PostgresRolledBack */
  assertIntact(): void {
    const { fault } = this
    if (fault) throw fault
  }

  /** Polls now, and then regularly until `stop`. */
  async start(): Promise<void> {
    await this.poll()
    this.#timer = setInterval(() => void this.poll(), POLL_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#polling
  }

  /** Compares Postgres with Redis; concurrent callers share one comparison. Never throws: without Postgres, nothing is known. */
  poll(): Promise<void> {
    this.#polling ??= this.#pollOnce(this.#isUncounted)
      .catch(() => undefined)
      .finally(() => (this.#polling = null))
    return this.#polling
  }

  /** Something was committed that the next poll is to count. */
  countLater(): void {
    this.#isUncounted = true
  }

  /**
   * Counts what was committed a moment ago, and publishes the position, so that a Postgres without that commit is noticed.
   * @throws PostgresRolledBack; StoreUnavailable if Postgres does not answer, or another one took over.
   */
  async count(): Promise<void> {
    this.assertIntact()
    const started = this.#started
    if (!this.#witness.isReachable) return this.countLater()
    // Callers share a count, but only one that begins after their calls.
    this.#countNext ??= this.#counting
      .catch(() => undefined)
      .then(() => {
        this.#countNext = null
        this.#counting = this.#pollOnce(true)
        return this.#counting
      })
    await this.#countNext
    this.assertIntact()
    // The new one may lack the commit, although it was counted there.
    if (started !== this.#started) throw new StoreUnavailable('Postgres', new Error('another one took over'))
  }

  /** Compares a new connection before it is used: another Postgres can only be reached by a new one. */
  async check(connection: Connection): Promise<void> {
    const before = this.#before()
    await this.#compare(await this.#position.readThrough(connection), before)
  }

  /** The newest position in Redis, and the epoch of copies that hold every revocation; null if there is no such epoch. */
  remembered(): Promise<{ newest: number; epoch: number | null }> {
    return this.#witness.remembered()
  }

  /** Whether this server's own Redis proves the rollback. Another Redis, or none, is no reason to end sessions. */
  async isShownByRedis(): Promise<boolean> {
    return this.#witness.contradicts(await this.#position.read())
  }

  /**
   * Runs a restore, in one process at a time, and then ends the rollback. One transaction holds the claim to restore and ends
   * the rollback. If the process dies, or another Postgres takes over, the rollback goes on, and the next process restores
   * anew.
   * @param work may run more than once, and in a process whose claim has ended at the same time as in another one.
   * @param declares whether to treat Postgres as rolled back even if no server noticed that.
   */
  async restoring<T>(work: () => Promise<T>, declares = false): Promise<Restoring<T>> {
    const whole = async (claim: Claim): Promise<Restoring<T>> => {
      if (declares) await this.#position.declareRolledBack()
      if (!(await this.#position.read()).isRolledBack) return { state: 'intact' }
      const result = await work()
      await this.#position.endRollback(claim, await this.remembered())
      return { state: 'done', result }
    }
    try {
      return (await withRestoreClaim(this.#database, whole)) ?? { state: 'busy' }
    } finally {
      await this.poll()
    }
  }

  async #pollOnce(counts: boolean): Promise<void> {
    const before = this.#before()
    const isCounted = counts && this.#witness.isReachable
    this.#isUncounted &&= !isCounted
    try {
      await this.#compare(await (isCounted ? this.#position.advance() : this.#position.read()), before)
    } catch (error) {
      this.#isUncounted ||= isCounted
      throw error
    }
  }

  /** To be called before Postgres is read. */
  #before() {
    return { newest: this.#newest, alarms: this.#alarms }
  }

  async #compare(read: PositionRow, before: { newest: number; alarms: number }): Promise<void> {
    let { newest } = before
    let row = read
    for (;;) {
      this.#started = row.started
      if (row.isRolledBack) return this.#set(true)
      const witnessed = await this.#witness.publish(row)
      const verdict = decideRollback(row, newest, witnessed)
      newest = Math.max(newest, row.position, witnessed?.newest ?? 0)
      if (verdict === 'rolled_back') break
      if (verdict === 'intact') {
        this.#newest = Math.max(this.#newest, newest)
        if (before.alarms === this.#alarms) this.#set(false)
        return
      }
      row = await this.#position.read()
    }
    this.#set(true)
    await this.#position.setRolledBack(newest)
  }

  #set(isRolledBack: boolean): void {
    if (isRolledBack) this.#alarms++
    if (isRolledBack === this.#isRolledBack) return
    this.#isRolledBack = isRolledBack
    this.#onChange(isRolledBack)
  }
}
