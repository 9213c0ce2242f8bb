import { setTimeout as sleep } from 'node:timers/promises'
import { seedSessions } from '@heirloom/harness/seed-sessions'
import type { Revocations } from './revocations.ts'
import type { TestCluster } from './test-cluster.ts'
import { Session, type SessionContext, isRefused } from './session.ts'
import { commitTheft } from './theft.ts'

const USER = { username: 'ann', password: 'a long and quiet walk' }
const THINK_MS = 5
const TABS = 3
/** Refreshes between login and logout. */
const STAY = 25
/** Per fault. */
const THEFTS = 8
const BETWEEN_THEFTS_MS = 300
/** Per fault. */
const LOGOUTS = 12
const BETWEEN_LOGOUTS_MS = 400

export interface LoadOptions {
  steady: number
  /** Sessions whose tabs all refresh at the same time. */
  tabbed: number
  /** Sessions that log in, refresh some times, and log out. */
  leaving: number
}

/** Sessions that refresh until they are paused. */
export class Load {
  readonly context: SessionContext
  readonly #cluster: TestCluster
  readonly #options: LoadOptions
  readonly revocations: Revocations
  readonly #workers: { session: Session; step: () => Promise<void> }[] = []
  #running: Promise<unknown> = Promise.resolve()
  #paused = true
  /** How long another server may still accept a token after an acknowledged logout: the stated bound on invariant 2. */
  boundMs = 0
  /** The number of sessions that had ended before this fault. */
  endedBefore = 0
  /** Tokens to be stolen. */
  #stealable: string[] = []
  /** Sessions with an access token that only log out. */
  #leaving: Session[] = []

  constructor(cluster: TestCluster, context: SessionContext, revocations: Revocations, options: LoadOptions) {
    this.#cluster = cluster
    this.context = context
    this.revocations = revocations
    this.#options = options
  }

  async prepare(): Promise<void> {
    const { client, urls, ledger } = this.context
    // A busy machine may answer 503.
    for (let answer; answer?.status !== 201 && answer?.status !== 409;)
      answer = await client.post(`${urls[0]}/auth/register`, USER)
    const { steady, tabbed, leaving } = this.#options
    const tokens = await this.seed(steady + tabbed + leaving)
    for (const [i, token] of tokens.entries()) {
      const session = new Session(this.context, token)
      const worker = { session, step: () => worker.session.refresh(i < steady ? 1 : TABS) }
      if (i >= steady + tabbed) worker.step = () => this.#comeAndGo(worker)
      this.#workers.push(worker)
    }
    ledger.takeSeen()
  }

  /** Opens sessions without logins. Returns their first refresh tokens. */
  async seed(count: number): Promise<string[]> {
    this.context.ledger.opened += count
    const usernames = Array.from({ length: count }, () => USER.username)
    return (await seedSessions(this.#cluster, usernames)).map(({ refreshToken }) => refreshToken)
  }

  /** Counts the sessions that are missing in Postgres since it came back from a backup. */
  async countForgotten(): Promise<void> {
    const { ledger } = this.context
    const [rows] = await this.#cluster.query<{ count: string }>('SELECT count(*) FROM families')
    ledger.forgotten = Math.max(0, ledger.opened - Number(rows?.count))
  }

  /** Replaces sessions that have ended, so that one fault does not affect the next. */
  async refill(): Promise<void> {
    this.endedBefore = this.context.ledger.ended.length
    // A refresh copies them into Redis, as a login does.
    const stealable = (await this.seed(THEFTS)).map((token) => new Session(this.context, token))
    await Promise.all(stealable.map((session) => session.refresh()))
    this.#stealable = stealable.map(({ token }) => token)
    this.#leaving = (await this.seed(LOGOUTS)).map((token) => new Session(this.context, token))
    await Promise.all(this.#leaving.map((session) => session.refresh()))
    for (const worker of this.#workers)
      if (worker.session.isRefused) worker.session = new Session(this.context, (await this.seed(1))[0] ?? '')
  }

  /** Sessions that have not logged out. */
  get live(): Session[] {
    return this.#workers.map(({ session }) => session)
  }

  run(): void {
    this.#paused = false
    this.#running = Promise.all([
      ...this.#workers.map(async (worker) => {
        while (!this.#paused && !worker.session.isRefused) {
          await worker.step()
          await sleep(THINK_MS)
        }
      }),
      this.#useAccessTokens(),
      this.#steal(),
      this.#leave(),
      this.revocations.watch(() => this.#paused),
    ])
  }

  /** Stops. When it returns, no request is in flight. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.#running
  }

  async #comeAndGo(worker: { session: Session }): Promise<void> {
    for (let i = 0; i < STAY; i++) {
      if (this.#paused || worker.session.isRefused) return
      await worker.session.refresh()
      await sleep(THINK_MS)
    }
    const left = worker.session
    await left.logOut()
    const { urls, ledger } = this.context
    await sleep(this.boundMs)
    for (const url of urls)
      if (!(await isRefused(this.context, url, left.token))) ledger.breaks(2, 'a token worked after its logout')
    worker.session = await this.#logIn()
  }

  async #logIn(): Promise<Session> {
    const { client, urls, ledger } = this.context
    for (;;) {
      const url = urls[Math.floor(Math.random() * urls.length)]
      const answer = await client.post(`${url}/auth/login`, USER)
      ledger.note('/auth/login', answer, answer.status === 200)
      if (answer.token !== undefined) {
        ledger.opened++
        return new Session(this.context, answer.token)
      }
      ledger.inDoubt++
      await sleep(100)
    }
  }

  async #steal(): Promise<void> {
    while (!this.#paused) {
      const stolen = this.#stealable.pop()
      if (stolen !== undefined) await commitTheft(this.context, stolen, this.boundMs)
      await sleep(BETWEEN_THEFTS_MS)
    }
  }

  async #leave(): Promise<void> {
    while (!this.#paused) {
      await this.#leaving.pop()?.logOut()
      await sleep(BETWEEN_LOGOUTS_MS)
    }
  }

  /** Checks that the resource service works whatever happens to the rest. */
  async #useAccessTokens(): Promise<void> {
    const { client, ledger } = this.context
    while (!this.#paused) {
      const token = this.#workers[0]?.session.accessToken
      if (token !== undefined) {
        const answer = await client.get(`${this.#cluster.resourceApi.url}/api/me`, token)
        ledger.noteUntouched(answer, isOutOfTime(token))
      }
      await sleep(50)
    }
  }
}

/** A second less than the leeway of a resource service, for the time that an answer takes. */
const LEEWAY_SECONDS = 9

/** Access tokens carry the time of the store. If that clock differs from a resource service's, the service rightly refuses them. */
function isOutOfTime(accessToken: string): boolean {
  const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()
  const { iat, exp } = JSON.parse(claims) as { iat: number; exp: number }
  const now = Date.now() / 1000
  return iat > now + LEEWAY_SECONDS || exp < now - LEEWAY_SECONDS
}
