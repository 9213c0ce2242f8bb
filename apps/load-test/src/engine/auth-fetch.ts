import { wrongOfAuth } from './expected.ts'
import type { AuthCalls } from './login.ts'
import type { Answer } from './servers.ts'
import type { Operation, Outcome } from './tally.ts'
import type { RequestLog } from './request-log.ts'
import type { EngineContext } from './engine-context.ts'

const OPERATION_OF: Record<string, Operation> = {
  '/auth/login': 'login',
  '/auth/refresh': 'refresh',
  '/auth/logout': 'logout',
}

/** The last refresh whose answer was lost: the token presented, and the successor in the answer. */
export interface Lost {
  presented: string
  successor: string
}

/** What all tabs of one client share. */
interface OfClient {
  requestLog: RequestLog
  lost: { last: Lost | null }
  onAnomaly: (operation: Operation, outcome: Outcome, why?: string) => void
}

/** `fetch` for one tab of a client: it counts requests to the auth servers, and loses some answers. */
export function authFetch(
  { tally, profile }: EngineContext,
  calls: AuthCalls,
  { requestLog, lost, onAnomaly }: OfClient,
  tab: number,
): typeof globalThis.fetch {
  return async (url, init) => {
    const path = new URL(url as string).pathname
    const body = init?.body as string
    const presented = refreshTokenIn(body)
    const isRetry = path === '/auth/refresh' && presented === lost.last?.presented
    const operation = isRetry ? 'retry' : (OPERATION_OF[path] ?? 'call')
    const what = operation === 'login' ? operation : `${operation} ${generationOf(presented)}`
    const sent = requestLog.add({ at: Date.now(), tab, what })
    const began = performance.now()
    const answer = await calls(path, body, init?.signal)
    const ms = performance.now() - began
    const { status, server } = answer
    sent.answer = { status, server, ms, code: codeOf(answer) }
    const isDeferred = status === 429 || isUnanswered(status)
    const isOther = isRetry && status === 200 && refreshTokenIn(answer.body) !== lost.last?.successor
    const wrong = wrongOfAuth(path, answer) ?? (isOther ? 'answered a retry with a different successor' : null)
    const outcome = isDeferred ? 'deferred' : wrong !== null ? 'wrong' : status < 500 ? 'ok' : 'failed'
    if (wrong !== null) sent.answer.code = wrong
    tally.add({ operation, outcome, status, server, serviceMs: ms, responseMs: ms })
    if (outcome === 'failed' || wrong !== null)
      onAnomaly(operation, outcome, wrong === null ? undefined : `POST ${path} ${wrong}`)
    if (status === 0) throw new TypeError('no answer')
    if (operation === 'refresh' && outcome === 'ok' && Math.random() < profile.lostAnswers) {
      lost.last = { presented, successor: refreshTokenIn(answer.body) }
      sent.answer.code = 'the answer was lost on the way'
      throw new TypeError('the answer was lost')
    }
    const retryAfter = answer.headers['retry-after']
    return new Response(HAS_NO_BODY.has(status) ? null : answer.body, {
      status,
      headers: typeof retryAfter === 'string' ? { 'retry-after': retryAfter } : {},
    })
  }
}

/** The Response constructor rejects a body for these statuses. */
const HAS_NO_BODY = new Set([204, 205, 304])

/** The connection broke, here or behind a balancer (502, 504), or no server could answer. The request may be sent again. */
export const isUnanswered = (status: number) => status === 0 || (status >= 502 && status <= 504)

/** The stable code of an error (RFC 6749, section 5.2), or why there is no answer. */
export function codeOf({ status, body, code = '' }: Answer): string {
  if (status < 400) return code
  try {
    return (JSON.parse(body) as { error?: string }).error ?? ''
  } catch {
    return ''
  }
}

/** The refresh token in a request or an answer. Empty if there is none. */
function refreshTokenIn(body: string): string {
  try {
    return (JSON.parse(body) as { refresh_token?: string }).refresh_token ?? ''
  } catch {
    return ''
  }
}

/** The generation of a refresh token: 4 bytes after 18 others (docs/explanation/storage.md). */
function generationOf(token: string): number {
  const bytes = Buffer.from(token.slice('hrt_'.length), 'base64url')
  return bytes.length < 22 ? 0 : bytes.readUInt32BE(18)
}
