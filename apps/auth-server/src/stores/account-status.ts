import type { Attributes } from '../rules/attributes.ts'

/** The part of an account that a refresh needs. */
export interface AccountStatus {
  /** Grows with each change. Of two copies, the one with the higher version is right. */
  version: number
  roles: readonly string[]
  disabled: boolean
  attributes: Attributes
}

/** A copy that an earlier version of the server made has no attributes. */
export type CopiedStatus = Omit<AccountStatus, 'attributes'> & { attributes: Attributes | null }

/** Copies of statuses, so that a refresh need not ask Postgres. Implemented in replication/. */
export interface AccountStatusCopies {
  /** To be read before Postgres is read or written, and passed to `store` or `publish`. */
  readonly epoch: number

  /** Null if Postgres has to be asked. Never throws. */
  get(userId: string): Promise<AccountStatus | null>

  /** Stores what was read from Postgres in `epoch` or later. Never throws. */
  store(userId: string, status: AccountStatus, epoch: number): Promise<void>

  /** Stores a change. When it returns, no server uses an older copy. @throws StoreUnavailable */
  publish(userId: string, status: AccountStatus, epoch: number): Promise<void>

  /** All copies by user id, of any epoch, some at a time. What a copy records did happen in every epoch. */
  all(): AsyncIterable<Map<string, CopiedStatus>>
}
