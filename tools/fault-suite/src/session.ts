import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer, Client } from './client.ts'
import type { Ledger } from './ledger.ts'

/** A 503 is asked again sooner than its Retry-After says: a client in a hurry is the harder one. Milliseconds. */
const RETRY_MS = 100
/** Longer than any fault lasts. */
const GIVES_UP_MS = 30_000

export interface SessionContext {
  urls: readonly string[]
  client: Client
  ledger: Ledger
  /** Whether a session was ended by its operator, so that even an honest client is refused. */
  isEndedByOperator: (token: string) => Promise<boolean>
}

/** One session of a client that asks until it is answered, with the same token, at any server. */
export class Session {
  /** The newest one. */
  token: string
  /** It was refused, which an honest one never should be. */
  isPutOut = false
  accessToken: string | undefined
  readonly #world: SessionContext
  readonly #isHonest: boolean

  constructor(world: SessionContext, token: string, { isHonest } = { isHonest: true }) {
    this.#world = world
    this.token = token
    this.#isHonest = isHonest
  }

  /** In some tabs at once, which share the token and each want their answer. */
  async refresh(tabs = 1): Promise<void> {
    const presented = this.token
    const successors = await Promise.all(Array.from({ length: tabs }, () => this.#redeem(presented)))
    this.token = successors.find((token) => token !== null) ?? presented
  }

  /** @param url a server of one's choice. Null where the session is put out. */
  async #redeem(token: string, url?: string): Promise<string | null> {
    const { ledger } = this.#world
    const isAnswer = ({ status }: Answer) => status === 200 || status === 400
    const answer = await this.#until('/auth/refresh', token, isAnswer, url)
    if (answer.token === undefined) {
      this.isPutOut = true
      if (!this.#isHonest || (await this.#world.isEndedByOperator(token))) return null
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

  /** Until it is acknowledged. */
  async logOut(): Promise<void> {
    const { ledger } = this.#world
    const { status } = await this.#until('/auth/logout', this.token, (answer) => answer.status === 204)
    if (status === 204) ledger.ended.push(this.token)
    else ledger.breaks(7, `a logout was answered ${status} for ${GIVES_UP_MS / 1_000} s`)
  }

  async #until(path: string, token: string, isAnswer: (answer: Answer) => boolean, url?: string): Promise<Answer> {
    const { client, ledger, urls } = this.#world
    const began = performance.now()
    for (;;) {
      const at = url ?? urls[Math.floor(Math.random() * urls.length)] ?? ''
      const answer = await client.post(at + path, { refresh_token: token })
      const isDue = isAnswer(answer)
      // What a thief is told is no error that an honest client saw.
      const asked = this.#isHonest ? path : `${path} (thief)`
      ledger.note(asked, answer, isDue && (answer.status !== 400 || !this.#isHonest))
      if (isDue || performance.now() - began > GIVES_UP_MS) return answer
      await sleep(answer.status === 503 ? RETRY_MS : Math.random() * 20)
    }
  }
}

/** Whether a token is refused. What is not decided counts as refused. */
export async function isRefused({ client, ledger }: SessionContext, url: string, token: string): Promise<boolean> {
  const answer = await client.post(`${url}/auth/refresh`, { refresh_token: token })
  ledger.note('/auth/refresh (ended)', answer, answer.status === 400)
  return answer.status !== 200
}
