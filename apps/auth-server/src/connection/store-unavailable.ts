export type StoreName = 'Redis' | 'Postgres'

/** A store gave no answer in time. Nothing is known about what it did; the same call may be made again. */
export class StoreUnavailable extends Error {
  readonly store: StoreName

  constructor(store: StoreName, cause: unknown) {
    super(`${store} did not answer`, { cause })
    this.store = store
  }
}

export const isUnavailable = (error: unknown, store: StoreName) =>
  error instanceof StoreUnavailable && error.store === store

/** What an operator is told of an error: for a store that gave no answer, why. */
export function reasonOf(error: unknown): string {
  const told = error instanceof StoreUnavailable && error.cause instanceof Error ? error.cause : error
  return told instanceof Error ? told.message : String(told)
}
