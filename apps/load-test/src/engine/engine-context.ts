import type { Profile } from '../profiles.ts'
import type { AuthCalls, Login } from './login.ts'
import type { Servers } from './servers.ts'
import type { Tally } from './tally.ts'

export interface Credentials {
  username: string
  password: string
}

/** The account of one client. */
export interface Account extends Credentials {
  /** Its number, from 1. */
  client: number
  /** A seeded session. Without one the client begins with a login. */
  earlier?: { sessionId: string; refreshToken: string } | undefined
}

/** What the clients of one engine have in common. */
export interface EngineContext {
  readonly profile: Profile
  readonly auth: Servers
  readonly login: Login
  /** The calls of a user, whose clients share a browser. */
  callsOf: (user: Credentials) => AuthCalls
  /** Changes from one measurement to the next. */
  api: Servers
  readonly tally: Tally
  /** A description of the first answer that does not fit the contract. */
  wrong?: string
}
