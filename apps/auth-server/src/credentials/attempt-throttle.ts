import { createHash } from 'node:crypto'
import { networkOf } from '../rules/network.ts'
import type { RedisAccess } from '../redis/redis-access.ts'
import { AttemptCounter } from './attempt-counter.ts'
import { KnownNetworks } from './known-networks.ts'

export interface ThrottlePolicy {
  /** Attempts in a window, for one account and for one address. */
  perAccount: number
  perAddress: number
  windowSeconds: number
}

/**
 * Whose attempts are counted. Each kind has counters of its own: a username that is spelt like a session id meets no
 * session's counter.
 */
export interface Counted {
  /** `login`: a username. `session`: the id of a session that asks for the password again. */
  kind: 'login' | 'session'
  id: string
}

/** An attempt that was counted, or one that was not let through and changed nothing. */
export interface Attempt {
  /** Null if it may go on, else the seconds until the next one may be made. */
  waitSeconds: number | null
  /**
   * The password was right: the account starts anew, and the address gets its attempt back. A session does not start
   * anew: nobody needs to change a password ten times in a window.
   */
  succeeded(): Promise<void>
  /** The password was not looked at, because of a fault or a full queue: the attempt does not count. */
  takeBack(): Promise<void>
}

/**
 * Counts attempts to prove a password, per address and per account, in Redis; per process while Redis is away. An attempt
 * is counted before the password is looked at, so that a thousand at once are not all let through, and taken back if it
 * succeeds.
 *
 * The address is asked first, and what it refuses is not counted for the account: one address has `perAddress` attempts
 * in a window, however many accounts it names. A network from which an account was logged in lately has `perAccount`
 * attempts of its own at it: strangers who guess do not lock the owner out at home.
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

  /** @param who null: the address alone is counted. */
  async attempt(who: Counted | null, ip: string): Promise<Attempt> {
    const network = networkOf(ip)
    const address = `address:${network}`
    const refused = await this.#counter.count(address, this.#policy.perAddress)
    if (refused !== null) return refusal(refused)
    if (who === null) return this.#counted(address, null, async () => undefined)

    const account = `${who.kind}:${digest(who.id)}`
    const isLogin = who.kind === 'login'
    const atHome = isLogin && (await this.#known.has(account, network))
    const counted = atHome ? `known:${digest(`${account} ${network}`)}` : account
    const wait = await this.#counter.count(counted, this.#policy.perAccount)
    if (wait !== null) return refusal(wait)
    return this.#counted(address, counted, async () => {
      if (isLogin) await Promise.all([this.#counter.forget(counted), this.#known.add(account, network)])
    })
  }

  #counted(address: string, account: string | null, startAnew: () => Promise<void>): Attempt {
    const counter = this.#counter
    return {
      waitSeconds: null,
      async succeeded() {
        await Promise.all([counter.takeBack(address), startAnew()])
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

/** People type passwords into the name field: what they typed is not kept. All keys are short, whatever was sent. */
const digest = (text: string) => createHash('sha256').update(text).digest('base64url')
