import type { IncomingMessage, ServerResponse } from 'node:http'
import { debuglog } from 'node:util'
import type { AccessTokenClaims } from '@heirloom/claims'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import { setCaller } from './caller.ts'
import { type Requirement, checkRequirement } from './requirement.ts'
import { type OnRefusal, reportRefusals } from './report-refusals.ts'
import type { Verdict, Verifier } from './verifier.ts'

export interface ConnectBearerOptions {
  /** At most 10 refusals a second are reported. Default: a line on standard error under `NODE_DEBUG=heirloom`. */
  readonly onRefusal?: OnRefusal<IncomingMessage>
}

const debug = debuglog('heirloom')

/**
 * Express and Connect middleware. It passes on a request whose token is good and meets the requirement, and answers any
 * other. Handlers get the claims with `callerOf(request)`.
 * `app.get('/reports', connectBearer(verifier, { scope: 'reports:read' }), handler)`
 * @throws TypeError if the requirement is not valid: see `Requirement`.
 */
export function connectBearer<Claims extends AccessTokenClaims>(
  verifier: Verifier<Claims>,
  requirement: Requirement = {},
  { onRefusal = ({ code, description }) => debug('%s: %s', code, description) }: ConnectBearerOptions = {},
) {
  checkRequirement(requirement)
  const report = reportRefusals(onRefusal)
  return (
    request: IncomingMessage & { originalUrl?: string },
    response: ServerResponse,
    next: (error?: unknown) => void,
  ): void => {
    const settle = (verdict: Verdict<Claims>) => {
      // Another middleware, such as a time-out, may have answered while the keys were fetched.
      if (response.headersSent || response.destroyed) return
      if (verdict.ok) {
        setCaller(request, verdict.claims)
        next()
        return
      }
      report(verdict, request)
      const { status, headers, body } = answerRefusal(verdict, requirement)
      const text = JSON.stringify(body)
      response
        .writeHead(status, {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        })
        .end(text)
    }
    // A router that is mounted at a path shortens `url`, so `originalUrl` goes first.
    const verdict = authorize(verifier, request.rawHeaders, request.originalUrl ?? request.url ?? '', requirement)
    if (verdict instanceof Promise) void verdict.then(settle, next)
    else settle(verdict)
  }
}
