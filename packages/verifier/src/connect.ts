import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessTokenClaims } from '@heirloom/claims'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import type { Need } from './need.ts'
import type { Verdict, Verifier } from './verifier.ts'

/** A request that has passed the middleware. */
export interface AuthorizedMessage<Claims> extends IncomingMessage {
  user?: Claims
}

/**
 * Express and Connect middleware: sets `request.user` to the claims and goes on, or answers and does not.
 * `app.get('/reports', connectBearer(verifier, { scope: 'reports:read' }), handler)`
 */
export function connectBearer<Claims extends AccessTokenClaims>(verifier: Verifier<Claims>, need: Need = {}) {
  return (
    request: AuthorizedMessage<Claims> & { originalUrl?: string },
    response: ServerResponse,
    next: () => void,
  ) => {
    const settle = (verdict: Verdict<Claims>) => {
      if (verdict.ok) {
        request.user = verdict.claims
        next()
        return
      }
      const { status, headers, body } = answerRefusal(verdict, need)
      const text = JSON.stringify(body)
      response
        .writeHead(status, {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        })
        .end(text)
    }
    // A router that is mounted at a path shortens `url`.
    const verdict = authorize(verifier, request.rawHeaders, request.originalUrl ?? request.url ?? '', need)
    if (verdict instanceof Promise) void verdict.then(settle)
    else settle(verdict)
  }
}
