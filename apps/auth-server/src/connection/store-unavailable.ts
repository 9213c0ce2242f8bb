export type StoreName = 'Redis' | 'Postgres'

/** A store gave no answer in time. It is not known whether the call had an effect. It is safe to make it again. */
export class StoreUnavailable extends Error {
  readonly store: StoreName

  constructor(store: StoreName, cause: unknown) {
    super(`${store} did not answer`, { cause })
    this.store = store
  }
}

export const isUnavailable = (error: unknown, store: StoreName) =>
  error instanceof StoreUnavailable && error.store === store

/** The reason for the log: if a store gave no answer, why it did not. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof StoreUnavailable && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
