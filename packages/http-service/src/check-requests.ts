import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { errorBody } from './error-body.ts'
import { cleanForwardedFor } from './forwarded-for.ts'

/** Refuses requests that HTTP forbids, before anything else sees them. */
export function checkRequests(app: FastifyInstance): void {
  /** Requests with an Expect header that we do not support. */
  const unsupported = new WeakSet<IncomingMessage>()
  // RFC 9110, section 10.1.1. Node would answer without a body, and no hook would run.
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    unsupported.add(request)
    app.server.emit('request', request, response)
  })
  app.addHook('onRequest', ({ raw }, reply, done) => {
    // Fastify derives the client's address from this header when a hook first reads `request.ip`.
    cleanForwardedFor(raw.headers)
    reply.header('x-content-type-options', 'nosniff')
    if (unsupported.has(raw))
      reply.code(417).send(errorBody('invalid_request', 'The only supported expectation is 100-continue.'))
    else if (!namesOneHost(raw))
      reply.code(400).send(errorBody('invalid_request', 'A request must have exactly one Host header.'))
    else done()
  })
}

/** RFC 9112, section 3.2. Node would answer a request without a host with no body, and take the first of several. */
function namesOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts === 1 || (hosts === 0 && httpVersion === '1.0')
}
