import { ClientError, createClient } from '@heirloom/client'
import { type AgedStore, agedStore } from './aged-store.ts'
import { type Lost, authFetch, codeOf, isUnanswered } from './auth-fetch.ts'
import { type Bearer, bearerOf, wrongOfCall } from './expected.ts'
import type { Answer } from './servers.ts'
import type { Operation, Outcome } from './tally.ts'
import { RequestLog } from './request-log.ts'
import type { Account, Credentials, EngineContext } from './engine-context.ts'
import { machine } from './machine.ts'

const PATHS = ['/api/me', '/api/me', '/api/me', '/api/reports', '/api/public']

const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(Math.random() * items.length)]

/** What a client of whatever kind does. It throws as our published client does. */
export interface Tab {
  login(credentials: Credentials): Promise<void>
  accessToken(): Promise<string>
  logout(): Promise<unknown>
}

/** One user with one session in one or two tabs: it uses the published client and calls the resource service. */
export class LoadClient {
  readonly #context: EngineContext
  readonly #account: Account
  readonly #store: AgedStore
  readonly #requestLog = new RequestLog()
  readonly #lost: { last: Lost | null } = { last: null }
  #tabs: Tab[]
  /** Instead of tabs with a session, if the client is a program. */
  readonly #machine: ReturnType<typeof machine> | undefined
  /** Parsed from the newest access token. */
  #bearer: { token: string; is: Bearer } | undefined
  /** The login in progress. */
  #opening: Promise<number | null> | undefined

  constructor(context: EngineContext, account: Account) {
    const { profile, login } = context
    this.#context = context
    this.#account = account
    this.#store = agedStore(profile.tokenLifetimeMs)
    if (login.way === 'client-credentials')
      this.#machine = machine(context, this.#requestLog, this.#recordAnomaly.bind(this))
    const tabs = Math.random() < profile.twoTabs ? 2 : 1
    this.#tabs = this.#machine ? [this.#machine] : Array.from({ length: tabs }, (_, i) => this.#openTab(i + 1))
  }

  #openTab(tab: number): Tab {
    const onAnomaly = this.#recordAnomaly.bind(this)
    const calls = this.#context.callsOf(this.#account)
    return createClient({
      // Never resolved: requests go to the auth servers in turn.
      authServer: 'http://auth.invalid',
      resources: [],
      store: this.#store,
      runtime: {
        fetch: authFetch(this.#context, calls, { requestLog: this.#requestLog, lost: this.#lost, onAnomaly }, tab),
      },
      onEvent: (event) => {
        if (event.type === 'session_ended' && event.reason === 'refused') this.#recordFalseRefusal()
      },
    })
  }

  /** Logs in, or takes up its seeded session. Returns null, or the milliseconds after which to try again. */
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
        // Only the first time: a client that returns logs in.
        this.#account.earlier = undefined
      } else {
        await tab?.login(credentials)
      }
      return null
    } catch (error) {
      if (this.#context.wrong) throw new Error(this.#context.wrong, { cause: error })
      if (error instanceof ClientError && (error.code === 'unavailable' || error.code === 'too_many_attempts')) {
        return error.retryAfterMs || 1_000
      }
      // Another action of this client, which did not wait for this one, logged out meanwhile. The next call logs in.
      if (error instanceof ClientError && error.code === 'session_changed') return null
      throw error
    }
  }

  /** See `AgedStore.age`. */
  async age(): Promise<void> {
    if (this.#machine) this.#machine.age()
    else await this.#store.age()
  }

  /** Does its next action. @param dueAt by performance.now(). */
  async act(dueAt: number): Promise<void> {
    if (Math.random() < this.#context.profile.logouts) {
      await this.#comeBack()
      return
    }
    // Two tabs at once, as when a browser wakes up. Only one of them is measured.
    const [tab, other] = this.#tabs
    if (other) other.accessToken().catch(() => undefined)
    if (tab) await this.#call(tab, dueAt)
  }

  async #comeBack(): Promise<void> {
    await this.#tabs[0]?.logout()
    await this.open()
    // The other tab's client keeps to the ended session: a real page would reload.
    this.#tabs = this.#tabs.map((tab, i) => (i === 0 ? tab : this.#openTab(i + 1)))
  }

  async #call(tab: Tab, dueAt: number): Promise<void> {
    const path = pick(PATHS) ?? '/api/me'
    let token: string
    try {
      token = await tab.accessToken()
    } catch (error) {
      const code = error instanceof ClientError ? error.code : null
      // Its last login failed, so it logs in again. This is not a call.
      if (code === 'not_logged_in') return void (await this.open())
      // It logged out meanwhile, or it was refused, which is counted elsewhere.
      if (code === 'session_ended' || code === 'session_changed') return
      return this.#note('failed', { status: 0, headers: {}, body: '', server: '' }, dueAt, performance.now())
    }
    const headers = { authorization: `Bearer ${token}` }
    const sentAt = performance.now()
    const send = async () => {
      const [at, began] = [Date.now(), performance.now()]
      const got = await this.#context.api.send({ method: 'GET', path, headers })
      const { status, server } = got
      const wrong = wrongOfCall(path, got, this.#bearerOf(token))
      const took = { status, server, ms: performance.now() - began, code: wrong ?? codeOf(got) }
      if (status !== 200 || wrong !== null) this.#requestLog.add({ at, tab: 1, what: path, answer: took })
      return { got, wrong }
    }
    let { got, wrong } = await send()
    const isRetried = isUnanswered(got.status)
    if (isRetried) ({ got, wrong } = await send())
    const outcome = wrong === null ? outcomeOf(got.status, isRetried) : 'wrong'
    this.#note(outcome, got, dueAt, sentAt, wrong === null ? undefined : `GET ${path} ${wrong}`)
  }

  #bearerOf(token: string): Bearer {
    if (this.#bearer?.token !== token) this.#bearer = { token, is: bearerOf(token) }
    return this.#bearer.is
  }

  #recordFalseRefusal(): void {
    const took = { serviceMs: 0, responseMs: 0 }
    this.#context.tally.add({ operation: 'refresh', outcome: 'false_refusal', status: 400, server: '', ...took })
    this.#recordAnomaly('refresh', 'false_refusal')
  }

  #recordAnomaly(operation: Operation, outcome: Outcome, why?: string): void {
    if (why) this.#context.wrong ??= why
    const { client } = this.#account
    const { sessionId: sid } = this.#store
    this.#context.tally.anomaly({
      at: Date.now(),
      operation,
      outcome,
      client,
      sid,
      sent: this.#requestLog.take(),
      ...(why && { why }),
    })
  }

  #note(outcome: Outcome, { status, server }: Answer, dueAt: number, sentAt: number, why?: string): void {
    if (outcome !== 'ok' && outcome !== 'retried_ok') this.#recordAnomaly('call', outcome, why)
    const now = performance.now()
    this.#context.tally.add({
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
  if (status === 200) return isRetried ? 'retried_ok' : 'ok'
  return status === 401 || status === 403 ? 'false_refusal' : 'failed'
}
