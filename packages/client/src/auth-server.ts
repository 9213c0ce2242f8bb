import { discard, isJson, isRedirect, readJson } from './body.ts'
import { ClientError, misconfigured } from './client-error.ts'
import type { Runtime } from './runtime.ts'

export interface Answer {
  url: string
  status: 200 | 204 | 400 | 401 | 429
  /** Empty for 204 and 429. */
  body: Record<string, unknown>
  /** 0 if the server did not say. */
  retryAfterMs: number
}

/** The longest Retry-After that is followed: a wrong value must not lock users out. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000

/** A call of the auth server: its path, and its fields as JSON or as a form. */
export interface Call {
  path: string
  body: object | URLSearchParams
}

/**
 * Sends a request to the auth server.
 *
 * @param credentials `include` sends and stores cookies.
 * @param signal ends it, with its cookie, if it has not been answered.
 * @returns its answer; or `unavailable`, if a retry may succeed; or `misconfigured`, if something else answered or the platform
 * cannot send requests.
 */
export async function askAuthServer(
  { fetch, now }: Runtime,
  url: string,
  body: object | URLSearchParams,
  credentials: 'include' | 'omit',
  signal: AbortSignal,
): Promise<Answer | ClientError> {
  const isForm = body instanceof URLSearchParams
  let asked: Promise<Response>
  try {
    asked = fetch(url, {
      method: 'POST',
      // A form has its type from the platform.
      headers: isForm ? {} : { 'content-type': 'application/json' },
      body: isForm ? body : JSON.stringify(body),
      // A redirect must not carry tokens elsewhere.
      redirect: 'manual',
      credentials,
      // The request finishes even if the page is closed. In Chromium 156 it does so even if it is aborted, and its answer then
      // replaces a cookie that is newer.
      keepalive: credentials === 'omit',
      signal,
    })
  } catch {
    // A synchronous throw is not a network error, unlike a rejection. Its message may quote the request.
    return misconfigured(url, 'cannot be asked')
  }
  try {
    const response = await asked
    const answer = signal.aborted ? null : await readAnswer(url, response, now(), signal)
    if (!response.bodyUsed) discard(response)
    return answer ?? unreachable(url, null)
  } catch (error) {
    return unreachable(url, error)
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
  const answer = { url, status, body: {}, retryAfterMs }
  if (isRedirect(response)) return misconfigured(url, 'answered with a redirect')
  if (status === 204 || status === 429) return { ...answer, status }
  if (status >= 500 || status === 408 || status === 425) return unavailable(url, `answered ${status}`, retryAfterMs)
  if (status !== 200 && status !== 400 && status !== 401) return misconfigured(url, `answered ${status}`)
  const body = await readJson(response, signal)
  if (body) return { ...answer, status, body }
  // The body was cut off, or it does not end.
  if (body === undefined && isJson(response)) return unavailable(url, 'answered in part')
  return misconfigured(url, `answered ${status} without a JSON object`)
}

/** The server's stable error code, without its description. */
export const errorCode = ({ error }: Answer['body']): string =>
  typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'no reason given'

/** @param what a phrase that follows the address. */
export const unavailable = (url: string, what: string, retryAfterMs = 0): ClientError =>
  new ClientError('unavailable', `${url} ${what}.`, retryAfterMs)

/** An error of `fetch` may quote the request. In Node its cause has a code. The bundles for browsers are without this branch. */
function unreachable(url: string, error: unknown): ClientError {
  if (globalThis.process) {
    const { cause } = (error ?? {}) as { cause?: { code?: unknown } | null }
    const code = typeof cause?.code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(cause.code) ? cause.code : ''
    if (/CERT|SSL|^UNABLE_TO_/.test(code)) return misconfigured(url, `has a certificate that is not trusted (${code})`)
    if (code) return unavailable(url, `is unavailable (${code})`)
  }
  return unavailable(url, 'is unavailable')
}

/** RFC 9110, section 10.2.3: seconds, or a date by the server's clock. */
function readRetryAfter(headers: Headers, now: number): number {
  const value = headers.get('retry-after') ?? ''
  const serverNow = Date.parse(headers.get('date') ?? '') || now
  const ms = /^\d*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - serverNow
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : 0
}
