import { setTimeout as sleep } from 'node:timers/promises'
import { seedSessions } from '@heirloom/harness/seed-sessions'
import type { TestCluster } from './test-cluster.ts'
import { Session, type SessionContext, isRefused } from './session.ts'
import { commitTheft } from './theft.ts'

const USER = { username: 'ann', password: 'a long and quiet walk' }
const THINK_MS = 5
const TABS = 3
/** Refreshes between two logins of one who comes and goes. */
const STAY = 25
/** In each fault. */
const THEFTS = 8
const BETWEEN_THEFTS_MS = 300

export interface LoadOptions {
  steady: number
  /** Sessions whose tabs all refresh at once. */
  tabbed: number
  /** Users who log in, stay a little, and log out. */
  leaving: number
}

/** Sessions that go on until they are paused. */
export class Load {
  readonly world: SessionContext
  readonly #house: TestCluster
  readonly #options: LoadOptions
  readonly #workers: { session: Session; step: () => Promise<void> }[] = []
  #running: Promise<unknown> = Promise.resolve()
  #paused = true
  /** How long after an acknowledged logout another server may go on: the stated bound on invariant 2. */
  boundMs = 0
  /** How many sessions had ended before this fault. */
  endedBefore = 0
  /** Tokens that thieves will have. */
  #stealable: string[] = []

  constructor(house: TestCluster, world: SessionContext, options: LoadOptions) {
    this.#house = house
    this.world = world
    this.#options = options
  }

  async prepare(): Promise<void> {
    const { client, urls, ledger } = this.world
    // A busy machine may say 503.
    for (let answer; answer?.status !== 201 && answer?.status !== 409;)
      answer = await client.post(`${urls[0]}/auth/register`, USER)
    const { steady, tabbed, leaving } = this.#options
    const tokens = await this.mint(steady + tabbed + leaving)
    for (const [i, token] of tokens.entries()) {
      const session = new Session(this.world, token)
      const worker = { session, step: () => worker.session.refresh(i < steady ? 1 : TABS) }
      if (i >= steady + tabbed) worker.step = () => this.#comeAndGo(worker)
      this.#workers.push(worker)
    }
    ledger.takeSeen()
  }

  async mint(count: number): Promise<string[]> {
    this.world.ledger.opened += count
    const usernames = Array.from({ length: count }, () => USER.username)
    return (await seedSessions(this.#house, usernames)).map(({ refreshToken }) => refreshToken)
  }

  /** Sessions that were opened and ended since a backup are not in Postgres any more. */
  async takeStock(): Promise<void> {
    const { ledger } = this.world
    const [rows] = await this.#house.askPostgres<{ count: string }>('SELECT count(*) FROM families')
    ledger.forgotten = Math.max(0, ledger.opened - Number(rows?.count))
  }

  /** New sessions for those that were put out, so that one fault is not seen in the next. */
  async refill(): Promise<void> {
    this.endedBefore = this.world.ledger.ended.length
    // Refreshed once, so that Redis knows them, as it does after a login.
    const stealable = (await this.mint(THEFTS)).map((token) => new Session(this.world, token))
    await Promise.all(stealable.map((session) => session.refresh()))
    this.#stealable = stealable.map(({ token }) => token)
    for (const worker of this.#workers)
      if (worker.session.isPutOut) worker.session = new Session(this.world, (await this.mint(1))[0] ?? '')
  }

  /** Those that nobody logged out. */
  get live(): Session[] {
    return this.#workers.map(({ session }) => session)
  }

  run(): void {
    this.#paused = false
    this.#running = Promise.all([
      ...this.#workers.map(async (worker) => {
        while (!this.#paused && !worker.session.isPutOut) {
          await worker.step()
          await sleep(THINK_MS)
        }
      }),
      this.#useAccessTokens(),
      this.#steal(),
    ])
  }

  /** When it returns, no request is on its way. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.#running
  }

  async #comeAndGo(worker: { session: Session }): Promise<void> {
    for (let i = 0; i < STAY; i++) {
      if (this.#paused || worker.session.isPutOut) return
      await worker.session.refresh()
      await sleep(THINK_MS)
    }
    const left = worker.session
    await left.logOut()
    const { urls, ledger } = this.world
    await sleep(this.boundMs)
    for (const url of urls)
      if (!(await isRefused(this.world, url, left.token))) ledger.breaks(2, 'a token worked after its logout')
    worker.session = await this.#logIn()
  }

  async #logIn(): Promise<Session> {
    const { client, urls, ledger } = this.world
    for (;;) {
      const url = urls[Math.floor(Math.random() * urls.length)]
      const answer = await client.post(`${url}/auth/login`, USER)
      ledger.note('/auth/login', answer, answer.status === 200)
      if (answer.token !== undefined) {
        ledger.opened++
        return new Session(this.world, answer.token)
      }
      ledger.inDoubt++
      await sleep(100)
    }
  }

  async #steal(): Promise<void> {
    while (!this.#paused) {
      const stolen = this.#stealable.pop()
      if (stolen !== undefined) await commitTheft(this.world, stolen, this.boundMs)
      await sleep(BETWEEN_THEFTS_MS)
    }
  }

  /** A resource service goes on whatever happens to the rest. */
  async #useAccessTokens(): Promise<void> {
    const { client, ledger } = this.world
    while (!this.#paused) {
      const token = this.#workers[0]?.session.accessToken
      if (token !== undefined) {
        const answer = await client.get(`${this.#house.resourceApi.url}/api/me`, token)
        ledger.noteUntouched(answer, isOutOfTime(token))
      }
      await sleep(50)
    }
  }
}

/** A second less than what a resource service has, for the time that an answer takes. */
const LEEWAY_SECONDS = 9

/** Access tokens bear the time of the store: where that is another one than a resource service's, it refuses them rightly. */
function isOutOfTime(accessToken: string): boolean {
  const claims = Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()
  const { iat, exp } = JSON.parse(claims) as { iat: number; exp: number }
  const now = Date.now() / 1000
  return iat > now + LEEWAY_SECONDS || exp < now - LEEWAY_SECONDS
}
