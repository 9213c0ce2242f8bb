import type { Runtime } from './runtime.ts'

export interface Answer {
  /** 0: none came. */
  status: number
  /** Empty where it was not a JSON object. */
  body: Record<string, unknown>
  /** 0 where the server did not say. */
  retryAfterMs: number
}

/** The longest that a server may send a client away for: a mistake there must not log people out here. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000

/** Asks the auth server. Whatever goes wrong is an answer, too. */
export async function askAuthServer(
  { fetch, now }: Runtime,
  url: string,
  body: object,
  timeoutMs: number,
): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // Tokens go where they were meant to go, or nowhere.
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      // A page that is being closed still finishes it.
      keepalive: true,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const retryAfterMs = readRetryAfter(response.headers.get('retry-after'), now())
    return { status: response.status, body: readObject(await response.text()), retryAfterMs }
  } catch {
    // An error of fetch may quote what was sent.
    return { status: 0, body: {}, retryAfterMs: 0 }
  }
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function readRetryAfter(value: string | null, now: number): number {
  if (value === null) return 0
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : 0
}
