import type { ErrorAnswer } from '@heirloom/http-service'
import type { FastifyReply } from 'fastify'
import { SignerBusy } from '../keys/token-signer.ts'
import { HasherBusy } from '../credentials/password-hasher.ts'
import { NotFinished } from '../services/accounts/change-password.ts'
import type { Refusal, RefusalCode } from '../services/refusal.ts'
import { PostgresRolledBack } from '../replication/postgres-rolled-back.ts'
import { PostgresFault } from '../postgres/postgres-fault.ts'
import { StoreUnavailable, isUnavailable, reasonOf } from '../stores/store-unavailable.ts'

/** The one place where a refusal gets its status. */
export const STATUS_OF: Record<RefusalCode, number> = {
  invalid_request: 400,
  invalid_client: 400,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_credentials: 401,
  registration_closed: 403,
  not_found: 404,
  username_taken: 409,
  too_many_attempts: 429,
}

export function answerRefusal(reply: FastifyReply, { error, description, retryAfterSeconds }: Refusal) {
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(STATUS_OF[error]).send({ error, error_description: description })
}

/** What was not decided may be asked again: never an `invalid_grant`, on which clients throw their session away. */
export function answerError(error: Error): ErrorAnswer | undefined {
  const again = (description: string, afterSeconds = 1): ErrorAnswer => ({
    status: 503,
    error: 'temporarily_unavailable',
    description,
    headers: { 'retry-after': String(afterSeconds) },
  })
  // A commit may be in doubt, or done, and a tombstone stand: never that nothing happened.
  if (error instanceof StoreUnavailable) {
    const answer = again(`${error.message}. It is not known whether this was done; it is safe to ask again.`)
    return isUnavailable(error, 'Postgres') ? { ...answer, reason: reasonOf(error) } : answer
  }
  // No `Retry-After`: asking again helps nobody before an operator has acted.
  if (error instanceof PostgresFault)
    return { status: 500, error: 'server_error', description: 'A store refuses what is needed. It has been logged.' }
  if (error instanceof NotFinished) return { status: 503, error: 'temporarily_unavailable', description: error.message }
  if (error instanceof PostgresRolledBack) return again(`${error.message}.`, error.retryAfterSeconds)
  if (error instanceof HasherBusy || error instanceof SignerBusy)
    return { ...again('The server is busy. Try again.'), isQuiet: true }
  // Nobody reads it.
  if (error.name === 'AbortError') return { status: 499, error: 'client_gone', description: 'The client went away.' }
  return undefined
}
