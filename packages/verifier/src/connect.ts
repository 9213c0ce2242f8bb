import type { IncomingMessage, ServerResponse } from 'node:http'
import { debuglog } from 'node:util'
import type { AccessTokenClaims } from '@heirloom/claims'
import { answerRefusal } from './answer-refusal.ts'
import { authorize } from './authorize.ts'
import { setCaller, wholeRequirement } from './caller.ts'
import { type Requirement, checkRequirement } from './requirement.ts'
import { answerMetadata } from './resource/answer-metadata.ts'
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
  return (request: RequestWithPath, response: ServerResponse, next: (error?: unknown) => void): void => {
    const settle = (verdict: Verdict<Claims>) => {
      // Another middleware, such as a time-out, may have answered while the keys were fetched.
      if (response.headersSent || response.destroyed) return
      if (verdict.ok) {
        setCaller(request, verdict.claims, requirement)
        next()
        return
      }
      report(verdict, request)
      const { status, headers, body } = answerRefusal(
        verdict,
        wholeRequirement(request, requirement),
        verifier.resource,
      )
      const text = JSON.stringify(body)
      response
        .writeHead(status, {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        })
        .end(text)
    }
    const verdict = authorize(verifier, request.rawHeaders, pathOf(request), requirement)
    if (verdict instanceof Promise) void verdict.then(settle, next)
    else settle(verdict)
  }
}

/**
 * Express and Connect middleware that answers requests for the metadata of this service (RFC 9728), for clients that know
 * nothing yet. Use it at the root of the application: `app.use(connectResourceMetadata(verifier))`.
 * @throws TypeError if the verifier has no `resource`.
 */
export function connectResourceMetadata({ resource }: Pick<Verifier, 'resource'>) {
  if (!resource) throw new TypeError('The verifier needs the option "resource" to serve its metadata.')
  return (request: RequestWithPath, response: ServerResponse, next: () => void): void => {
    const [path = ''] = pathOf(request).split('?')
    const answer = answerMetadata(resource, request.method ?? '', path)
    if (answer)
      response.writeHead(answer.status, answer.headers).end(request.method === 'HEAD' ? undefined : answer.body)
    else next()
  }
}

type RequestWithPath = IncomingMessage & { originalUrl?: string }

/** A router that is mounted at a path shortens `url`, so `originalUrl` goes first. */
const pathOf = ({ originalUrl, url = '' }: RequestWithPath) => originalUrl ?? url
