/** What to do when Postgres is rolled back: wait for an operator, or restore without one. */
export type Rollback = 'stop' | 'restore'

/** Postgres is rolled back: what it says of sessions, accounts and revocations may be out of date. */
export class PostgresRolledBack extends Error {
  readonly retryAfterSeconds: number

  constructor(rollback: Rollback) {
    super(
      'Postgres is older than what Redis remembers of it: a backup was restored, or a standby that lagged took over. ' +
        'Revoked sessions could live again, so nothing is decided until ' +
        (rollback === 'stop'
          ? '`npm run admin -- restore`'
          : 'a server has restored it by itself (POSTGRES_ROLLBACK=restore), or `npm run admin -- restore`'),
    )
    // If an operator has to act, the client need not hurry.
    this.retryAfterSeconds = rollback === 'stop' ? 30 : 5
  }
}
