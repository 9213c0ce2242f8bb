import { setTimeout as sleep } from 'node:timers/promises'
import type { Profile } from '../profiles.ts'
import { Attacker } from './attacker.ts'
import { type Load, drive } from './drive.ts'
import { LoadClient } from './load-client.ts'
import { Servers } from './servers.ts'
import { Tally } from './tally.ts'
import { stealToken } from './thief.ts'
import type { Account, EngineContext } from './engine-context.ts'

export interface EngineOptions {
  profile: Profile
  /** One for each client. */
  accounts: Account[]
  authUrls: string[]
  apiUrls: string[]
}

/** At most, to each server. What waits for one counts as slow, from when it was due. */
const [API_CONNECTIONS, AUTH_CONNECTIONS] = [512, 64]

/** Makes the load of some clients. */
export class Engine {
  readonly tally = new Tally()
  readonly #world: EngineContext
  readonly #clients: LoadClient[]
  readonly #accounts: Account[]
  #attacker: Attacker | undefined

  constructor({ profile, accounts, authUrls, apiUrls }: EngineOptions) {
    const auth = new Servers(authUrls, AUTH_CONNECTIONS)
    this.#world = { profile, auth, api: new Servers(apiUrls, API_CONNECTIONS), tally: this.tally }
    this.#accounts = accounts
    this.#clients = accounts.map((account) => new LoadClient(this.#world, account))
  }

  /** Gives each client its first tokens, some at a time: a login costs the auth server a password hash. */
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
    if (this.#world.profile.attacks > 0) this.#attacker = await Attacker.prepare(this.#world)
    // What it took to begin is not part of what is measured.
    this.tally.take()
  }

  async retarget(apiUrls: string[]): Promise<void> {
    await this.#world.api.close()
    this.#world.api = new Servers(apiUrls, API_CONNECTIONS)
  }

  async run(load: Load, durationMs: number): Promise<void> {
    const { attacks, thefts } = this.#world.profile
    const attacker = this.#attacker
    // A client refreshes ahead of time beside its calls: what the run before had begun and this one did not is not counted.
    this.tally.take()
    const acts = this.#clients.map((client, i) => (dueAt: number) => {
      const account = this.#accounts[i]
      if (attacker && Math.random() < attacks) return attacker.act()
      if (account && Math.random() < thefts) return stealToken(this.#world, account)
      return client.act(dueAt)
    })
    await drive(load, acts, durationMs, this.tally)
  }

  async close(): Promise<void> {
    await Promise.all([this.#world.auth.close(), this.#world.api.close()])
  }
}
