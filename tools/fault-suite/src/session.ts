import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Client } from './client.ts'
import type { Ledger } from './ledger.ts'

/** Retries after a 503 come sooner than its Retry-After: an impatient client is the harder test. Milliseconds. */
const RETRY_MS = 100
/** Longer than any fault. */
const GIVES_UP_MS = 30_000

export interface SessionContext {
  urls: readonly string[]
  client: Client
  ledger: Ledger
  /** Whether an operator ended the session, so that even an honest client is refused. */
  isEndedByOperator: (token: string) => Promise<boolean>
  /** Called with the access token of a session as soon as its end was acknowledged. */
  onEnded: (accessToken: string) => void
}

/** One session of a client that repeats each request, with the same token and at any server, until it is answered. */
export class Session {
  /** The newest refresh token. */
  token: string
  /** It was refused, which must not happen to an honest session. */
  isRefused = false
  accessToken: string | undefined
  readonly #context: SessionContext
  readonly #isHonest: boolean

  constructor(context: SessionContext, token: string, { isHonest } = { isHonest: true }) {
    this.#context = context
    this.token = token
    this.#isHonest = isHonest
  }

  /** Refreshes in several tabs at once, which share the token. */
  async refresh(tabs = 1): Promise<void> {
    const presented = this.token
    const successors = await Promise.all(Array.from({ length: tabs }, () => this.#redeem(presented)))
    this.token = successors.find((token) => token !== null) ?? presented
  }

  /** Returns null if the session was refused. @param url a server. Default: any. */
  async #redeem(token: string, url?: string): Promise<string | null> {
    const { ledger } = this.#context
    const isAnswer = ({ status }: Answer) => status === 200 || status === 400
    const answer = await this.#until('/auth/refresh', token, isAnswer, url)
    if (answer.token === undefined) {
      this.isRefused = true
      if (!this.#isHonest || (await this.#context.isEndedByOperator(token))) return null
      ledger.breaks(1, `the newest token of a session was answered ${answer.status}`)
      if (isAnswer(answer)) ledger.breaks(7, `a live session was answered ${answer.error}`)
      return null
    }
    this.accessToken = answer.accessToken
    ledger.rotated(token, answer.token)
    return answer.token
  }

  async refreshAt(url: string): Promise<void> {
    this.token = (await this.#redeem(this.token, url)) ?? this.token
  }

  /** Logs out, and repeats it until it is acknowledged. */
  async logOut(): Promise<void> {
    const { ledger } = this.#context
    const { status } = await this.#until('/auth/logout', this.token, (answer) => answer.status === 204)
    if (status === 204) {
      ledger.ended.push(this.token)
      if (this.accessToken !== undefined) this.#context.onEnded(this.accessToken)
    } else ledger.breaks(7, `a logout was answered ${status} for ${GIVES_UP_MS / 1_000} s`)
  }

  async #until(path: string, token: string, isAnswer: (answer: Answer) => boolean, url?: string): Promise<Answer> {
    const { client, ledger, urls } = this.#context
    const began = performance.now()
    for (;;) {
      const at = url ?? urls[Math.floor(Math.random() * urls.length)] ?? ''
      const answer = await client.post(at + path, { refresh_token: token })
      const isDue = isAnswer(answer)
      // Answers to a thief are not errors that an honest client saw.
      const asked = this.#isHonest ? path : `${path} (thief)`
      ledger.note(asked, answer, isDue && (answer.status !== 400 || !this.#isHonest))
      if (isDue || performance.now() - began > GIVES_UP_MS) return answer
      await sleep(answer.status === 503 ? RETRY_MS : Math.random() * 20)
    }
  }
}

/** Whether a token is refused. A 503 counts as refused. */
export async function isRefused({ client, ledger }: SessionContext, url: string, token: string): Promise<boolean> {
  const answer = await client.post(`${url}/auth/refresh`, { refresh_token: token })
  ledger.note('/auth/refresh (ended)', answer, answer.status === 400)
  return answer.status !== 200
}
