import type { FastifyError, FastifyInstance } from 'fastify'
import type { AccessLog } from './access-log.ts'
import { answerFault } from './answer-fault.ts'
import { errorBody } from './error-body.ts'

export interface ErrorAnswer {
  status: number
  error: string
  description: string
  headers?: Record<string, string>
  /** For the log, if the status is 500 or more. Default: the error's message. The same reason is written once a minute. */
  reason?: string
  /** Writes no line. A server that is full says so in its metrics, and would fill the log too. */
  isQuiet?: boolean
}

/** @param answerError turns an error that the application throws on purpose into an answer; undefined for any other. */
export function answerErrors(
  app: FastifyInstance,
  log: AccessLog,
  answerError: (error: Error) => ErrorAnswer | undefined = () => undefined,
): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = answerError(error)
    if (!answer) return answerFault(error, reply, () => log.allows(request, 'failed'))
    const { status, description, headers = {}, reason = error.message } = answer
    if (answer.isQuiet) log.silence(reply)
    else if (status >= 500) log.explain(reply, status, reason)
    return reply.code(status).headers(headers).send(errorBody(answer.error, description))
  })
}
