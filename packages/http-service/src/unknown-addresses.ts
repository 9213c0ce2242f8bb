import type { FastifyInstance } from 'fastify'
import { errorBody } from './error-body.ts'

const NOTHING_HERE = errorBody('not_found', 'There is nothing at this address.')

/** Answers 404 if no route has the address, before the body is read. */
export function answerUnknownAddresses(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) reply.code(404).send(NOTHING_HERE)
    else done()
  })
}

/** Answers 404 for a plugin that has a route for the address but finds nothing, such as one that sends files. */
export function answerNothingFound(app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOTHING_HERE))
}
