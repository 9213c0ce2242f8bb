import type { FastifyError, FastifyReply } from 'fastify'
import { errorBody } from './error-body.ts'

/**
 * What Fastify itself refuses keeps its status. Any other error is a fault of ours: the log gets it, and the client does not.
 * @param mayLog asked before a fault is logged.
 */
export function answerFault(error: FastifyError, reply: FastifyReply, mayLog: () => boolean) {
  const status = error.statusCode ?? 500
  if (error.validation) return reply.code(400).send(errorBody('invalid_request', describeValidation(error)))
  if (status === 413) {
    // Closing now would reset the connection while the client is still sending, and it would never read the answer. The
    // rest of the body is read and discarded instead, for as long as the request may take.
    reply.removeHeader('connection')
    reply.request.raw.resume()
  }
  if (status >= 400 && status < 500) return reply.code(status).send(errorBody('invalid_request', explain(error, reply)))
  if (mayLog()) reply.log.error({ err: error }, 'a request failed')
  return reply.code(500).send(errorBody('server_error', 'Something went wrong on our side. It has been logged.'))
}

/** Names the field and the rule that it breaks, never its value. */
function describeValidation(error: FastifyError): string {
  const [first] = error.validation ?? []
  const field = first?.instancePath.slice(1).replaceAll('/', '.')
  const context = error.validationContext ?? 'request'
  // A pattern explains nothing, and has characters that a description must not have.
  const rule = first?.keyword === 'pattern' ? 'has a form that is not allowed' : (first?.message ?? 'is not valid')
  return `${context}${field ? `.${field}` : ''} ${rule}.`
}

function explain(error: FastifyError, { server }: FastifyReply): string {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return 'Send JSON, with Content-Type: application/json.'
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return `The body is larger than ${server.initialConfig.bodyLimit} bytes.`
    case 'HEIRLOOM_BODY_NOT_TEXT':
      return 'The body is not valid UTF-8, or it contains half of a surrogate pair.'
    case 'HEIRLOOM_FORM_REFUSED':
      return error.message
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 'The body is not valid JSON.'
    default:
      return error.statusCode === 400 ? 'The request is malformed.' : 'The request was refused.'
  }
}
