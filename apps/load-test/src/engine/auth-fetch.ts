import type { Answer } from './servers.ts'
import type { Operation } from './tally.ts'
import type { Trail } from './trail.ts'
import type { World } from './world.ts'

const OPERATION_OF: Record<string, Operation> = {
  '/auth/login': 'login',
  '/auth/refresh': 'refresh',
  '/auth/logout': 'logout',
}

/** The way of a client's tab to the auth servers: counted, and with losses. */
export function authFetch(
  { auth, tally, profile }: World,
  trail: Trail,
  tab: number,
  onFailed: (operation: Operation) => void,
): typeof globalThis.fetch {
  return async (url, init) => {
    const path = new URL(url as string).pathname
    const operation = OPERATION_OF[path] ?? 'call'
    const body = init?.body as string
    const what = operation === 'login' ? operation : `${operation} ${generationOf(body)}`
    const sent = trail.add({ at: Date.now(), tab, what })
    const began = performance.now()
    const headers = { 'content-type': 'application/json' }
    const answer = await auth.send({ method: 'POST', path, headers, body }, init?.signal)
    const ms = performance.now() - began
    const { status, server } = answer
    sent.answer = { status, server, ms, code: codeOf(answer) }
    const isLater = status === 429 || isNobodys(status)
    const outcome = isLater ? 'later' : status < 500 ? 'ok' : 'failed'
    tally.add({ operation, outcome, status, server, serviceMs: ms, responseMs: ms })
    if (outcome === 'failed') onFailed(operation)
    if (status === 0) throw new TypeError('no answer')
    if (operation === 'refresh' && Math.random() < profile.lostAnswers) {
      sent.answer.code = 'lost on its way back'
      throw new TypeError('the answer got lost')
    }
    const retryAfter = answer.headers['retry-after']
    return new Response(status === 204 ? null : answer.body, {
      status,
      headers: typeof retryAfter === 'string' ? { 'retry-after': retryAfter } : {},
    })
  }
}

/** The connection broke, here or behind a balancer (502, 504), or nobody could answer: the same may be asked again. */
export const isNobodys = (status: number) => status === 0 || (status >= 502 && status <= 504)

/** The stable code of an error (RFC 6749, section 5.2), or why there is no answer. */
export function codeOf({ status, body, code = '' }: Answer): string {
  if (status < 400) return code
  try {
    return (JSON.parse(body) as { error?: string }).error ?? ''
  } catch {
    return ''
  }
}

/** Which of its session's refresh tokens it is: 4 bytes behind 18 others (docs/storage.md). */
function generationOf(body: string): number {
  const { refresh_token: token = '' } = JSON.parse(body) as { refresh_token?: string }
  const bytes = Buffer.from(token.slice('hrt_'.length), 'base64url')
  return bytes.length < 22 ? 0 : bytes.readUInt32BE(18)
}
