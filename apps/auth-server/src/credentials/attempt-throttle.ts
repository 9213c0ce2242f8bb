import { createHash } from 'node:crypto'
import { networkOf } from '../rules/network.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import { AttemptCounter } from './attempt-counter.ts'
import { KnownNetworks } from './known-networks.ts'

export interface ThrottlePolicy {
  /** The most attempts in a window, for one account and for one address. */
  perAccount: number
  perAddress: number
  windowSeconds: number
}

/**
 * Whose attempts are counted. Each kind has its own counters, so that a username cannot share the counter of a session.
 */
export interface Counted {
  /**
   * `login`: a username. `session`: the id of a session whose user proves the password again. `client`: an address and a client
   * whose secret is wrong; they are counted apart from the passwords, so that neither uses up the attempts of the other.
   */
  kind: 'login' | 'session' | 'client'
  id: string
}

/** An attempt that was counted, or one that was refused and changed nothing. */
export interface Attempt {
  /** Null if it may go on, or the seconds until the next one is allowed. */
  waitSeconds: number | null
  /**
   * The password was right. The counter of the account is reset, and the address gets its attempt back. The counter of a
   * session is not reset: nobody needs to change a password ten times in a window.
   */
  succeeded(): Promise<void>
  /** The password was not checked, because of a fault or a full queue. The attempt does not count. */
  takeBack(): Promise<void>
}

/**
 * Counts attempts to prove a password, per address and per account, in Redis; per process while Redis is unreachable. An
 * attempt counts before the password is checked, so that a thousand at once do not all pass. It is taken back if it
 * succeeds.
 *
 * The address is checked first, and an attempt that it refuses does not count for the account. So one address has
 * `perAddress` attempts in a window, however many accounts it names. A network from which an account logged in recently has
 * its own `perAccount` attempts at this account, so that guesses from elsewhere do not lock the owner out at home.
 */
export class AttemptThrottle {
  readonly #policy: ThrottlePolicy
  readonly #counter: AttemptCounter
  readonly #known: KnownNetworks

  constructor(policy: ThrottlePolicy, redis: RedisAccess | null) {
    this.#policy = policy
    this.#counter = new AttemptCounter(policy.windowSeconds, redis)
    this.#known = new KnownNetworks(redis)
  }

  /** @param who null counts for the address alone. */
  async attempt(who: Counted | null, ip: string): Promise<Attempt> {
    const network = networkOf(ip)
    const address = `${who?.kind === 'client' ? 'client-' : ''}address:${network}`
    const refused = await this.#counter.count(address, this.#policy.perAddress)
    if (refused !== null) return refusal(refused)
    if (who === null) return this.#counted(address, null, async () => undefined)

    const account = `${who.kind}:${digest(who.id)}`
    const isLogin = who.kind === 'login'
    const isKnown = isLogin && (await this.#known.has(account, network))
    const counted = isKnown ? `known:${digest(`${account} ${network}`)}` : account
    const wait = await this.#counter.count(counted, this.#policy.perAccount)
    if (wait !== null) return refusal(wait)
    return this.#counted(address, counted, async () => {
      if (isLogin) await Promise.all([this.#counter.forget(counted), this.#known.add(account, network)])
    })
  }

  /**
   * Forgets the failed logins of an account, wherever they came from. Other servers go on refusing for a few seconds, and those
   * that count by themselves, without Redis, until the window ends.
   * @param id as in `Counted`.
   */
  async lift(id: string): Promise<void> {
    const account = loginAccount(id)
    const networks = await this.#known.of(account)
    const known = networks.map((network) => `known:${digest(`${account} ${network}`)}`)
    await Promise.all([account, ...known].map((key) => this.#counter.forget(key)))
  }

  /** The networks from which this account logged in recently. @param id as in `Counted`. */
  networksOf(id: string): Promise<string[]> {
    return this.#known.of(loginAccount(id))
  }

  #counted(address: string, account: string | null, reset: () => Promise<void>): Attempt {
    const counter = this.#counter
    return {
      waitSeconds: null,
      async succeeded() {
        await Promise.all([counter.takeBack(address), reset()])
      },
      async takeBack() {
        await Promise.all([counter.takeBack(address), account !== null && counter.takeBack(account)])
      },
    }
  }
}

const refusal = (waitSeconds: number): Attempt => ({
  waitSeconds,
  succeeded: async () => undefined,
  takeBack: async () => undefined,
})

/** By what the logins of a user are counted, and the networks kept. @param id as in `Counted`. */
export const loginAccount = (id: string): string => `login:${digest(id)}`

/** A hash, because people type passwords into the name field, and because it keeps every key short. */
const digest = (text: string) => createHash('sha256').update(text).digest('base64url')
