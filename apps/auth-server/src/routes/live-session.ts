import { errorBody } from '@heirloom/http-service'
import { callerOf } from '@heirloom/verifier'
import type { FastifyReply, onRequestAsyncHookHandler } from 'fastify'
import type { Core } from '../services/core.ts'
import { endOfSession } from '../services/sessions/sessions.ts'

/**
 * A guard that also requires that the session has not ended. The auth server has the stores to check that; resource
 * services wait for the access token to expire instead. Goes after `authenticate`.
 */
export function liveSession(core: Core): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const { sub, sid } = callerOf(request)
    const [session, status, now] = await Promise.all([
      core.sessions.find(sub, sid),
      core.accounts.status(sub),
      core.clock.now(),
    ])
    if (session && status && !status.disabled && now < endOfSession(session, core.config.refreshPolicy)) return
    return answerEndedSession(reply)
  }
}

const ENDED = errorBody('invalid_token', 'The session of this token has ended.')

/** RFC 6750, section 3.1. Also the answer if the account is gone, which ends its sessions. */
export function answerEndedSession(reply: FastifyReply): FastifyReply {
  const challenge = `Bearer error="${ENDED.error}", error_description="${ENDED.error_description}"`
  return reply.code(401).header('www-authenticate', challenge).send(ENDED)
}
