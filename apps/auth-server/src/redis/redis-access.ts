/** Runs a Lua script on one key. @throws StoreUnavailable */
export type RunScript<Answer> = (key: string, ...args: (string | number)[]) => Promise<Answer>

/** Runs a Lua script on many keys, `own[i]` for `keys[i]`. @throws StoreUnavailable */
export type RunOnEach = (
  keys: readonly string[],
  shared: readonly (string | number)[],
  own: readonly (string | number)[],
) => Promise<void>

/** Access to one Redis, to the master that the sentinels name, or to a cluster. */
export interface RedisAccess {
  /**
   * Calls back when another process than before may answer from now on: a connection ended, or other masters serve. It does
   * so before it asks any of them.
   */
  onLost(callback: () => void): void
  /** Resolves when scripts can be sent, or after `withinMs`. */
  ready(withinMs: number): Promise<void>
  /**
   * An id of the Redis that answers, which changes with each start and each fail-over. @throws if a part of it does not answer,
   * or takes no writes.
   */
  probe(): Promise<string>
  /** Defines a script that touches one key only. It is sent by its hash. */
  script<Answer>(name: string, lua: string): RunScript<Answer>
  /**
   * Defines a script that does the same with each of `KEYS`. `ARGV` has the shared arguments, and then one for each key. It
   * gets few enough keys at a time that other commands do not wait long. In a cluster it gets one, as each key has its own slot.
   */
  scriptOnEach(name: string, lua: string): RunOnEach
  /** The keys that match, some at a time. A key that exists throughout comes at least once. */
  scan(pattern: string): AsyncIterable<string[]>
  close(): void
}
