/** A store gave no answer in time. Nothing is known about what it did; the same call may be made again. */
export class StoreUnavailable extends Error {
  constructor(store: 'Redis' | 'Postgres', cause: unknown) {
    super(`${store} did not answer`, { cause })
  }
}
