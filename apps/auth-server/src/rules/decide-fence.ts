/** What all servers know together, kept in Postgres. */
export interface SharedFence {
  /** Copies in Redis of an earlier epoch are not believed before they were merged with Postgres' row. */
  epoch: number
  /** Which Redis process the epoch was begun for; empty while none ever was. */
  runId: string
  /** A server works, or did a moment ago, without Redis: until it has stopped, nobody may believe Redis. */
  suspended: 'now' | 'before' | 'never'
}

export interface RedisEpoch {
  epoch: number
  runId: string
}

export type FenceVerdict =
  | { kind: 'trust'; trust: RedisEpoch }
  /** Work through Postgres. */
  | { kind: 'distrust' }
  /** Work through Postgres, and tell the others that Redis is missing what this server wrote there. */
  | { kind: 'suspend' }
  /** Redis is back, or is another process than before: what it holds may be old. */
  | { kind: 'begin_epoch' }

/**
 * Whether Redis may be believed.
 * @param shared null where Postgres does not answer.
 * @param runId of the Redis that takes writes from this server, or null where none does.
 * @param last what this server believed without a break until now, or null.
 * @param writesPast whether this server wrote to Postgres, a moment ago, what Redis did not take.
 */
export function decideFence(
  shared: SharedFence | null,
  runId: string | null,
  last: RedisEpoch | null,
  writesPast: boolean,
): FenceVerdict {
  // One that writes nothing has nothing to tell: a wrong REDIS_URL is no reason for the others. Before the first epoch
  // nobody believes Redis, so there is nobody to tell.
  if (runId === null) return shared && shared.runId !== '' && writesPast ? { kind: 'suspend' } : { kind: 'distrust' }
  // Without Postgres nobody can have written past Redis, so what was believed until now still holds.
  if (!shared) return last?.runId === runId ? { kind: 'trust', trust: last } : { kind: 'distrust' }
  if (shared.suspended === 'now') return { kind: 'distrust' }
  if (shared.suspended === 'before' || shared.runId !== runId) return { kind: 'begin_epoch' }
  return { kind: 'trust', trust: { epoch: shared.epoch, runId } }
}
