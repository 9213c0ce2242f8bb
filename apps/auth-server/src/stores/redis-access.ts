/** Runs a Lua script on one key. What it throws is `StoreUnavailable`. */
export type RunScript<Answer> = (key: string, ...args: (string | number)[]) => Promise<Answer>

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
  /** The keys that match, some at a time. Each that is there throughout comes at least once. */
  scan(pattern: string): AsyncIterable<string[]>
  close(): void
}
