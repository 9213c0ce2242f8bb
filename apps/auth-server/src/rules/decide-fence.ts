/** What the servers share in Postgres. */
export interface SharedFence {
  /** A copy in Redis of an earlier epoch is used only after it was merged with its row in Postgres. */
  epoch: number
  /** The Redis process that the epoch was begun for. Empty before the first epoch. */
  runId: string
  /**
   * Whether some server works without Redis: now, or it did a moment ago, or it never did in this epoch. While one does, no
   * server may use Redis.
   */
  suspended: 'now' | 'before' | 'never'
}

export interface RedisEpoch {
  epoch: number
  runId: string
}

export type FenceVerdict =
  | { kind: 'enable'; redis: RedisEpoch }
  /** Work through Postgres. */
  | { kind: 'disable' }
  /** Work through Postgres, and disable Redis for all servers, because Redis lacks what this server wrote to Postgres. */
  | { kind: 'disable_for_all' }
  /** Redis is back, or is another process than before, so what it holds may be old. */
  | { kind: 'begin_epoch' }

/**
 * Decides whether this server may use Redis.
 * @param shared null if Postgres does not answer.
 * @param runId the process of the Redis that accepts writes from this server, or null if none does.
 * @param last the epoch in which this server has used Redis without interruption, or null.
 * @param writesPast whether this server has just written to Postgres what Redis did not accept.
 */
export function decideFence(
  shared: SharedFence | null,
  runId: string | null,
  last: RedisEpoch | null,
  writesPast: boolean,
): FenceVerdict {
  // A server that writes nothing need not stop the others, for example one with a wrong REDIS_URL. Before the first epoch, no
  // server uses Redis.
  if (runId === null)
    return shared && shared.runId !== '' && writesPast ? { kind: 'disable_for_all' } : { kind: 'disable' }
  // Without Postgres no server can have written past Redis, so Redis may be used as before.
  if (!shared) return last?.runId === runId ? { kind: 'enable', redis: last } : { kind: 'disable' }
  if (shared.suspended === 'now') return { kind: 'disable' }
  if (shared.suspended === 'before' || shared.runId !== runId) return { kind: 'begin_epoch' }
  return { kind: 'enable', redis: { epoch: shared.epoch, runId } }
}
