import type { Profile } from '../profiles.ts'
import type { Servers } from './servers.ts'
import type { Tally } from './tally.ts'

export interface Credentials {
  username: string
  password: string
}

/** Of one client. */
export interface Account extends Credentials {
  /** From 1. */
  client: number
  /** A session that is there already; else the client begins with a login. */
  earlier?: { sessionId: string; refreshToken: string } | undefined
}

/** What the clients of one engine have in common. */
export interface EngineContext {
  readonly profile: Profile
  readonly auth: Servers
  /** Changes from one measurement to the next. */
  api: Servers
  readonly tally: Tally
  /** The first answer that was not one of the service: in words. */
  wrong?: string
}
