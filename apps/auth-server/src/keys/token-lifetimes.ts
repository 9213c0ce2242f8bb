import { type Database, query } from '../postgres/database.ts'

/** A lifetime counts until the last token that had it has ended, and for a while longer. */
const MARGIN_SECONDS = 120
/** How old the time of its last use may become before it is written again. */
const REWRITE_AFTER_SECONDS = 30

/**
 * How long access tokens live, and those of a moment ago: a shorter lifetime, by the realm or the settings, does not shorten
 * tokens that were issued before. Keys stay published that long, and revocations stay in the status lists.
 */
export class TokenLifetimes {
  readonly #database: Database
  readonly #currentSeconds: () => number
  #knownSeconds = 0

  /** @param currentSeconds the longest lifetime of a token that this server issues now. */
  constructor(database: Database, currentSeconds: () => number) {
    this.#database = database
    this.#currentSeconds = currentSeconds
  }

  /** The longest lifetime, at any server, of a token that may still be valid. */
  get longestSeconds(): number {
    return Math.max(this.#currentSeconds(), this.#knownSeconds)
  }

  /** Learns the lifetimes of other servers, and of this one before it was started. */
  async read(): Promise<void> {
    const [row] = await query(this.#database.$queryRaw<{ seconds: number | null }[]>`
      SELECT max(seconds) AS seconds FROM ${this.#database.tables.accessTokenLifetimes}
      WHERE used_at > clock_timestamp() - (seconds + ${MARGIN_SECONDS}) * interval '1 second'`)
    this.#knownSeconds = row?.seconds ?? 0
  }

  /** Stores that the current lifetime is in use. To be called when it may have changed, and regularly. */
  async use(): Promise<void> {
    const [seconds, lifetimes] = [this.#currentSeconds(), this.#database.tables.accessTokenLifetimes]
    await query(this.#database.$executeRaw`
      INSERT INTO ${lifetimes} AS l (seconds, used_at) VALUES (${seconds}, clock_timestamp())
      ON CONFLICT (seconds) DO UPDATE SET used_at = excluded.used_at
        WHERE l.used_at < excluded.used_at - ${REWRITE_AFTER_SECONDS} * interval '1 second'`)
    this.#knownSeconds = Math.max(this.#knownSeconds, seconds)
  }
}
