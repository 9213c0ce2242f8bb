/** Runs a Lua script on one key. What it throws is `StoreUnavailable`. */
export type RunScript<Answer> = (key: string, ...args: (string | number)[]) => Promise<Answer>

/** Runs a Lua script on many keys, `own[i]` for `keys[i]`. What it throws is `StoreUnavailable`. */
export type RunOnEach = (
  keys: readonly string[],
  shared: readonly (string | number)[],
  own: readonly (string | number)[],
) => Promise<void>

/** What is asked of Redis, be it one process, whichever one the sentinels name, or a cluster. */
export interface RedisAccess {
  /**
   * Calls back whenever a script may be answered from here on by another process than before: a connection ended, or
   * other masters serve. Before any of them is asked.
   */
  onLost(callback: () => void): void
  /** Resolves when scripts can be sent, or after `withinMs`. */
  ready(withinMs: number): Promise<void>
  /**
   * A name for the memory that answers, which is another after each start and each fail-over. @throws where a part of it
   * does not answer, or takes no writes.
   */
  probe(): Promise<string>
  /** A script that touches one key only, sent by its hash. */
  script<Answer>(name: string, lua: string): RunScript<Answer>
  /**
   * A script that does the same with each of `KEYS`; `ARGV` has what they share, and then one argument for each key. It is
   * given as many keys at a time as do not keep others waiting; in a cluster one, as no other is sure to be in its slot.
   */
  scriptOnEach(name: string, lua: string): RunOnEach
  /** The keys that match, some at a time. Each that is there throughout comes at least once. */
  scan(pattern: string): AsyncIterable<string[]>
  close(): void
}
