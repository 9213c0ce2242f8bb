import type { Operation } from './tally.ts'
import type { World } from './world.ts'

const OPERATION_OF: Record<string, Operation> = {
  '/auth/login': 'login',
  '/auth/refresh': 'refresh',
  '/auth/logout': 'logout',
}

/** The client's way to the auth servers: counted, and with losses. */
export function authFetch({ auth, tally, profile }: World): typeof globalThis.fetch {
  return async (url, init) => {
    const path = new URL(url as string).pathname
    const operation = OPERATION_OF[path] ?? 'call'
    const began = performance.now()
    const answer = await auth.send({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: init?.body as string,
    })
    const ms = performance.now() - began
    const { status, server } = answer
    const isLater = status === 0 || status === 429 || status === 503
    const outcome = isLater ? 'later' : status < 500 ? 'ok' : 'failed'
    tally.add({ operation, outcome, status, server, serviceMs: ms, responseMs: ms })
    if (status === 0) throw new TypeError('no answer')
    if (operation === 'refresh' && Math.random() < profile.lostAnswers) throw new TypeError('the answer got lost')
    const retryAfter = answer.headers['retry-after']
    return new Response(status === 204 ? null : answer.body, {
      status,
      headers: typeof retryAfter === 'string' ? { 'retry-after': retryAfter } : {},
    })
  }
}
