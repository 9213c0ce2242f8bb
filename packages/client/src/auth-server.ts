import { discard, isJson, isRedirect, readJson } from './body.ts'
import { ClientError, misconfigured } from './client-error.ts'
import type { Runtime } from './runtime.ts'
import { TimedOut, within } from './within.ts'

export interface Answer {
  status: 200 | 204 | 400 | 401 | 429
  /** Empty for 204 and 429. */
  body: Record<string, unknown>
  /** 0 if the server did not say. */
  retryAfterMs: number
}

/** The longest that a server may send a client away for: a mistake there must not log people out here. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000

/**
 * Asks the auth server.
 *
 * @returns its answer; or `unavailable`, if another try may bring one; or `misconfigured`, if something else answered, or if
 * the platform cannot ask.
 */
export async function askAuthServer(
  { fetch, now }: Runtime,
  url: string,
  body: object,
  timeoutMs: number,
): Promise<Answer | ClientError> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    // Tokens go where they were meant to go, or nowhere.
    redirect: 'manual',
    credentials: 'omit',
    cache: 'no-store',
    // A page that is being closed still finishes it.
    keepalive: true,
  } as const
  try {
    return await within(timeoutMs, async (signal) => {
      // What it throws at once is no matter of the network, unlike what it rejects with.
      const asked = fetch(url, { ...request, signal })
      try {
        const response = await asked
        const answer = signal.aborted ? null : await readAnswer(url, response, now(), signal)
        if (!response.bodyUsed) discard(response)
        return answer ?? unreachable(url, null)
      } catch (error) {
        return unreachable(url, error)
      }
    })
  } catch (error) {
    if (error instanceof TimedOut) return unavailable(`${url} did not answer within ${timeoutMs} ms`)
    // Its message may quote what was sent.
    return new ClientError('misconfigured', `This platform could not ask ${url}: it lacks fetch, or something else.`)
  }
}

async function readAnswer(
  url: string,
  response: Response,
  now: number,
  signal: AbortSignal,
): Promise<Answer | ClientError> {
  const { status } = response
  const retryAfterMs = readRetryAfter(response.headers, now)
  if (isRedirect(response)) return misconfigured(url, 'answered with a redirect')
  if (status === 204 || status === 429) return { status, body: {}, retryAfterMs }
  if (status >= 500 || status === 408 || status === 425) return unavailable(`${url} answered ${status}`, retryAfterMs)
  if (status !== 200 && status !== 400 && status !== 401) return misconfigured(url, `answered ${status}`)
  const body = await readJson(response, signal)
  if (body) return { status, body, retryAfterMs }
  // It was cut off, or it does not end.
  if (body === undefined && isJson(response)) return unavailable(`The answer of ${url} was not whole`)
  return misconfigured(url, `answered ${status} without a JSON object`)
}

/** The server's stable code and no more. */
export const errorCode = ({ error }: Answer['body']): string =>
  typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'no reason given'

const unavailable = (what: string, retryAfterMs = 0) => new ClientError('unavailable', `${what}.`, retryAfterMs)

/** An error of `fetch` may quote what was sent; its cause has a code in Node. */
function unreachable(url: string, error: unknown): ClientError {
  const { cause } = (error ?? {}) as { cause?: { code?: unknown } | null }
  const code = typeof cause?.code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(cause.code) ? cause.code : ''
  if (/CERT|SSL|^UNABLE_TO_/.test(code)) return misconfigured(url, `cannot be trusted (${code})`)
  return unavailable(`${url} is unavailable${code && ` (${code})`}`)
}

/** RFC 9110, section 10.2.3: seconds, or a date, which is one of the server's clock. */
function readRetryAfter(headers: Headers, now: number): number {
  const value = headers.get('retry-after')
  if (value === null) return 0
  const serverNow = Date.parse(headers.get('date') ?? '')
  const ms = /^\d+$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - (Number.isNaN(serverNow) ? now : serverNow)
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : 0
}
