import { type ErrorAnswer, errorBody } from '@heirloom/http-service'
import type { FastifyReply } from 'fastify'
import { SignerBusy } from '../keys/token-signer.ts'
import { HasherBusy } from '../credentials/password-hasher.ts'
import { NotFinished } from '../services/accounts/set-password.ts'
import type { Refusal, RefusalCode } from '../services/refusal.ts'
import { PostgresRolledBack } from '../replication/postgres-rolled-back.ts'
import { PostgresFault } from '../postgres/postgres-fault.ts'
import { StoreUnavailable, isUnavailable, reasonOf } from '../connection/store-unavailable.ts'

/** The only place that gives a refusal its status. A route declares each status in its schema. */
export const STATUS_OF: Record<RefusalCode, number> = {
  invalid_request: 400,
  invalid_client: 400,
  invalid_grant: 400,
  invalid_scope: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_token_type: 400,
  invalid_target: 400,
  invalid_credentials: 401,
  registration_closed: 403,
  origin_not_allowed: 403,
  access_denied: 403,
  new_password_required: 403,
  not_found: 404,
  username_taken: 409,
  conflict: 409,
  too_many_attempts: 429,
}

export function answerRefusal(reply: FastifyReply, { error, description, retryAfterSeconds }: Refusal) {
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(STATUS_OF[error]).send(errorBody(error, description))
}

/**
 * Turns the result of a service into a reply.
 * @param send sends a result that is no refusal, exactly as the route's schema declares it: the serializer would silently drop the
 * rest.
 */
export function answer<Done extends { ok: true }>(
  reply: FastifyReply,
  result: Done | Refusal,
  send: (done: Done) => unknown,
): FastifyReply {
  if (!result.ok) return answerRefusal(reply, result)
  send(result)
  return reply
}

/**
 * The same for the calls of RFC 6749, where a client that is not authenticated is a 401. The challenge is for a client that
 * used the header (section 5.2). To a page in a browser, it would open a dialog.
 */
export function answerOAuth<Done extends { ok: true }>(
  reply: FastifyReply,
  result: Done | Refusal,
  send: (done: Done) => unknown,
): FastifyReply {
  if (result.ok || result.error !== 'invalid_client') return answer(reply, result, send)
  if (reply.request.headers.authorization !== undefined) reply.header('www-authenticate', 'Basic realm="OAuth client"')
  return reply.code(401).send(errorBody(result.error, result.description))
}

/**
 * The answer to a fault. A request that was not decided may be sent again, so a fault never becomes an `invalid_grant`: on
 * that, clients throw their session away.
 */
export function answerError(error: Error): ErrorAnswer | undefined {
  const retryLater = (description: string, afterSeconds = 1): ErrorAnswer => ({
    status: 503,
    error: 'temporarily_unavailable',
    description,
    headers: { 'retry-after': String(afterSeconds) },
  })
  // Never says that nothing happened: a commit may be in doubt or done, and a tombstone may be written.
  if (error instanceof StoreUnavailable) {
    const unavailable = retryLater(
      `${error.message}. The request may have been carried out. It is safe to send it again.`,
    )
    return isUnavailable(error, 'Postgres') ? { ...unavailable, reason: reasonOf(error) } : unavailable
  }
  // No `Retry-After`: a retry is useless until an operator has acted.
  if (error instanceof PostgresFault)
    return {
      status: 500,
      error: 'server_error',
      description: 'The server cannot use one of its stores. The cause is in its log.',
    }
  if (error instanceof NotFinished) return { status: 503, error: 'temporarily_unavailable', description: error.message }
  if (error instanceof PostgresRolledBack) return retryLater(`${error.message}.`, error.retryAfterSeconds)
  if (error instanceof HasherBusy || error instanceof SignerBusy)
    return { ...retryLater('The server is busy. Try again shortly.'), isQuiet: true }
  // Nobody reads this answer.
  if (error.name === 'AbortError')
    return { status: 499, error: 'client_gone', description: 'The client closed the connection.' }
  return undefined
}
