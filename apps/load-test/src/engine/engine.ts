import { setTimeout as sleep } from 'node:timers/promises'
import type { Profile } from '../profiles.ts'
import { Attacker } from './attacker.ts'
import { type Load, drive } from './drive.ts'
import { LoadClient } from './load-client.ts'
import { type AuthCalls, type Login, authCalls } from './login.ts'
import { Servers } from './servers.ts'
import { Tally } from './tally.ts'
import { stealToken } from './thief.ts'
import type { Account, Credentials, EngineContext } from './engine-context.ts'

export interface EngineOptions {
  profile: Profile
  /** One per client. */
  accounts: Account[]
  authUrls: string[]
  apiUrls: string[]
  /** By default with a password. */
  login?: Login
}

/** The most connections to each server. Waiting for one counts as latency. */
const [API_CONNECTIONS, AUTH_CONNECTIONS] = [512, 64]

/** Generates the load of some clients. */
export class Engine {
  readonly tally = new Tally()
  readonly #context: EngineContext
  readonly #clients: LoadClient[]
  readonly #accounts: Account[]
  #attacker: Attacker | undefined

  constructor({ profile, accounts, authUrls, apiUrls, login = { way: 'password' } }: EngineOptions) {
    const auth = new Servers(authUrls, AUTH_CONNECTIONS)
    const calls = new Map<string, AuthCalls>()
    const callsOf = ({ username }: Credentials) => {
      const known = calls.get(username) ?? authCalls(auth, login)
      calls.set(username, known)
      return known
    }
    this.#context = { profile, auth, api: new Servers(apiUrls, API_CONNECTIONS), tally: this.tally, login, callsOf }
    this.#accounts = accounts
    this.#clients = accounts.map((account) => new LoadClient(this.#context, account))
  }

  /** Gives each client its first tokens. A login costs the auth server a password hash, so few run at once. */
  async open(atOnce: number, onOpened: () => void): Promise<void> {
    const waiting = [...this.#clients]
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (let client = waiting.pop(); client; client = waiting.pop()) {
          for (let waitMs = await client.open(); waitMs !== null; waitMs = await client.open()) await sleep(waitMs)
          onOpened()
        }
      }),
    )
    for (const client of this.#clients) await client.age()
    if (this.#context.profile.attacks > 0) this.#attacker = await Attacker.prepare(this.#context)
    // The start is not measured.
    this.tally.take()
  }

  async retarget(apiUrls: string[]): Promise<void> {
    await this.#context.api.close()
    this.#context.api = new Servers(apiUrls, API_CONNECTIONS)
  }

  async run(load: Load, durationMs: number): Promise<void> {
    const { profile, login } = this.#context
    const { attacks } = profile
    // A machine has no refresh token to steal.
    const thefts = login.way === 'client-credentials' ? 0 : profile.thefts
    const attacker = this.#attacker
    // Clients refresh ahead of need: a refresh that began in the previous run does not count.
    this.tally.take()
    const acts = this.#clients.map((client, i) => (dueAt: number) => {
      const account = this.#accounts[i]
      if (attacker && Math.random() < attacks) return attacker.act()
      if (account && Math.random() < thefts) return stealToken(this.#context, account)
      return client.act(dueAt)
    })
    await drive(load, acts, durationMs, this.tally)
  }

  async close(): Promise<void> {
    await Promise.all([this.#context.auth.close(), this.#context.api.close()])
  }
}
