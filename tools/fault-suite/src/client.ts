import { Agent, request } from 'undici'

/** Longer than any answer may take, in milliseconds. */
const PATIENCE_MS = 8_000

export interface Answer {
  /** `cut` if the connection ended, `timeout` if no answer came. */
  status: number | 'cut' | 'timeout'
  error: string | undefined
  token: string | undefined
  accessToken: string | undefined
  hasRetryAfter: boolean
  ms: number
}

/** HTTP as a client sees it. Every outcome is an `Answer`. */
export class Client {
  readonly #agent = new Agent({ connections: 64 })
  /** After this time a request is given up and its connection closed, in milliseconds. */
  patienceMs = PATIENCE_MS

  resetPatience(): void {
    this.patienceMs = PATIENCE_MS
  }

  post(url: string, body: object): Promise<Answer> {
    return this.#send(url, 'POST', { 'content-type': 'application/json' }, JSON.stringify(body))
  }

  get(url: string, accessToken: string): Promise<Answer> {
    return this.#send(url, 'GET', { authorization: `Bearer ${accessToken}` })
  }

  async #send(url: string, method: 'GET' | 'POST', headers: Record<string, string>, body?: string): Promise<Answer> {
    const began = performance.now()
    const nothing = { error: undefined, token: undefined, accessToken: undefined, hasRetryAfter: false }
    try {
      const signal = AbortSignal.timeout(this.patienceMs)
      const sent = { method, headers, dispatcher: this.#agent, signal, ...(body !== undefined && { body }) }
      const answer = await request(url, sent)
      const text = await answer.body.text()
      const fields = text === '' ? {} : (JSON.parse(text) as Record<string, string>)
      return {
        status: answer.statusCode,
        error: fields['error'],
        token: fields['refresh_token'],
        accessToken: fields['access_token'],
        hasRetryAfter: answer.headers['retry-after'] !== undefined,
        ms: performance.now() - began,
      }
    } catch (error) {
      const isLate = (error as Error).name === 'TimeoutError'
      return { ...nothing, status: isLate ? 'timeout' : 'cut', ms: performance.now() - began }
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}
