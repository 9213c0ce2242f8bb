import { type Client, ClientError, createClient } from '@heirloom/client'
import { type AgedStore, agedStore } from './aged-store.ts'
import { type Lost, authFetch, codeOf, isNobodys } from './auth-fetch.ts'
import { type Bearer, bearerOf, wrongOfCall } from './expected.ts'
import type { Answer } from './servers.ts'
import type { Operation, Outcome } from './tally.ts'
import { RequestLog } from './request-log.ts'
import type { Account, EngineContext } from './engine-context.ts'

const PATHS = ['/api/me', '/api/me', '/api/me', '/api/reports', '/api/public']

const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(Math.random() * items.length)]

/** One person with one session, in one tab or in two: the client that we publish, and calls to the service. */
export class LoadClient {
  readonly #world: EngineContext
  readonly #account: Account
  readonly #store: AgedStore
  readonly #trail = new RequestLog()
  readonly #lost: { last: Lost | null } = { last: null }
  #tabs: Client[]
  /** Of the newest access token. */
  #bearer: { token: string; is: Bearer } | undefined
  /** The login that is on its way. */
  #opening: Promise<number | null> | undefined

  constructor(world: EngineContext, account: Account) {
    const { profile } = world
    this.#world = world
    this.#account = account
    this.#store = agedStore(profile.tokenLifetimeMs)
    this.#tabs = Array.from({ length: Math.random() < profile.twoTabs ? 2 : 1 }, (_, i) => this.#openTab(i + 1))
  }

  #openTab(tab: number): Client {
    const onOdd = this.#odd.bind(this)
    return createClient({
      // Never resolved: the requests go to whichever auth server's turn it is.
      authServer: 'http://auth.invalid',
      resources: [],
      store: this.#store,
      runtime: { fetch: authFetch(this.#world, { trail: this.#trail, lost: this.#lost, onOdd }, tab) },
      onEvent: (event) => {
        if (event.type === 'session_ended' && event.reason === 'refused') this.#wasRefused()
      },
    })
  }

  /** Logs in, or takes up its session. Answers the milliseconds after which to try again, or null where it has succeeded. */
  open(): Promise<number | null> {
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  async #open(): Promise<number | null> {
    const { earlier, ...credentials } = this.#account
    const [tab] = this.#tabs
    try {
      if (earlier) {
        await this.#store.save({ ...earlier, scope: '', accessToken: 'expired', receivedAt: 0, expiresAt: 0 })
        await tab?.accessToken()
        // Once only: whoever comes back logs in.
        this.#account.earlier = undefined
      } else {
        await tab?.login(credentials)
      }
      return null
    } catch (error) {
      if (this.#world.wrong) throw new Error(this.#world.wrong, { cause: error })
      if (error instanceof ClientError && (error.code === 'unavailable' || error.code === 'too_many_attempts')) {
        return error.retryAfterMs || 1_000
      }
      throw error
    }
  }

  /** As if it had been there for long. */
  async age(): Promise<void> {
    await this.#store.age()
  }

  /** Does what it does next. @param dueAt when it was to do so, by performance.now(). */
  async act(dueAt: number): Promise<void> {
    if (Math.random() < this.#world.profile.logouts) {
      await this.#comeBack()
      return
    }
    // In two tabs at once, as when a browser wakes up; what is measured is one of them.
    const [tab, other] = this.#tabs
    if (other) other.accessToken().catch(() => undefined)
    if (tab) await this.#call(tab, dueAt)
  }

  async #comeBack(): Promise<void> {
    await this.#tabs[0]?.logout()
    await this.open()
    // The other tab's page loads anew: its client keeps to the session that is over.
    this.#tabs = this.#tabs.map((tab, i) => (i === 0 ? tab : this.#openTab(i + 1)))
  }

  async #call(tab: Client, dueAt: number): Promise<void> {
    const path = pick(PATHS) ?? '/api/me'
    let token: string
    try {
      token = await tab.accessToken()
    } catch (error) {
      const code = error instanceof ClientError ? error.code : null
      // Turned away at its last login, it tries that again; that is not a call.
      if (code === 'not_logged_in') return void (await this.open())
      // It logged out meanwhile; or it was refused, which is counted where that happens.
      if (code === 'session_ended' || code === 'session_changed') return
      return this.#note('failed', { status: 0, headers: {}, body: '', server: '' }, dueAt, performance.now())
    }
    const headers = { authorization: `Bearer ${token}` }
    const sentAt = performance.now()
    const send = async () => {
      const [at, began] = [Date.now(), performance.now()]
      const got = await this.#world.api.send({ method: 'GET', path, headers })
      const { status, server } = got
      const wrong = wrongOfCall(path, got, this.#bearerOf(token))
      const took = { status, server, ms: performance.now() - began, code: wrong ?? codeOf(got) }
      if (status !== 200 || wrong !== null) this.#trail.add({ at, tab: 1, what: path, answer: took })
      return { got, wrong }
    }
    let { got, wrong } = await send()
    const isRetried = isNobodys(got.status)
    if (isRetried) ({ got, wrong } = await send())
    const outcome = wrong === null ? outcomeOf(got.status, isRetried) : 'wrong'
    this.#note(outcome, got, dueAt, sentAt, wrong === null ? undefined : `GET ${path} ${wrong}`)
  }

  #bearerOf(token: string): Bearer {
    if (this.#bearer?.token !== token) this.#bearer = { token, is: bearerOf(token) }
    return this.#bearer.is
  }

  #wasRefused(): void {
    const took = { serviceMs: 0, responseMs: 0 }
    this.#world.tally.add({ operation: 'refresh', outcome: 'false_refusal', status: 400, server: '', ...took })
    this.#odd('refresh', 'false_refusal')
  }

  #odd(operation: Operation, outcome: Outcome, why?: string): void {
    if (why) this.#world.wrong ??= why
    const { client } = this.#account
    const { sessionId: sid } = this.#store
    this.#world.tally.anomaly({
      at: Date.now(),
      operation,
      outcome,
      client,
      sid,
      sent: this.#trail.take(),
      ...(why && { why }),
    })
  }

  #note(outcome: Outcome, { status, server }: Answer, dueAt: number, sentAt: number, why?: string): void {
    if (outcome !== 'ok' && outcome !== 'mended') this.#odd('call', outcome, why)
    const now = performance.now()
    this.#world.tally.add({
      operation: 'call',
      outcome,
      status,
      server,
      serviceMs: now - sentAt,
      responseMs: now - dueAt,
    })
  }
}

function outcomeOf(status: number, isRetried: boolean): Outcome {
  if (status === 200) return isRetried ? 'mended' : 'ok'
  return status === 401 || status === 403 ? 'false_refusal' : 'failed'
}
