import { errorBody } from '@heirloom/http-service'
import { type UserClaims, callerOf } from '@heirloom/verifier'
import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { Core } from '../services/core.ts'
import { isLive } from '../services/sessions/sessions.ts'

/**
 * A guard that also requires the session of a user, at a first-party client, that has not ended. The auth server has the
 * stores to check that; resource services wait for the access token to expire instead. Goes after `authenticate`.
 */
export function liveSession(core: Core): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const { sub, sid, client_id: clientId } = callerOf(request)
    const client = core.realm.current().clients.get(clientId)
    if (sid === undefined || (client && !client.firstParty)) return answerNoUser(reply)
    const [session, status, now] = await Promise.all([
      core.sessions.find(sub, sid),
      core.accounts.status(sub),
      core.clock.now(),
    ])
    if (session && status && !status.disabled && isLive(core, session, now)) return
    return answerEndedSession(reply)
  }
}

/** The claims of the user whom `liveSession` let in. */
export const userOf = (request: FastifyRequest): UserClaims => callerOf<UserClaims>(request)

const NO_USER = errorBody('insufficient_scope', 'This call needs the token of a user, from a first-party client.')

/** RFC 6750, section 3.1. */
function answerNoUser(reply: FastifyReply): FastifyReply {
  return reply.code(403).header('www-authenticate', `Bearer error="${NO_USER.error}"`).send(NO_USER)
}

const ENDED = errorBody('invalid_token', 'The session of this token has ended.')

/** RFC 6750, section 3.1. Also the answer if the account is gone, which ends its sessions. */
export function answerEndedSession(reply: FastifyReply): FastifyReply {
  const challenge = `Bearer error="${ENDED.error}", error_description="${ENDED.error_description}"`
  return reply.code(401).header('www-authenticate', challenge).send(ENDED)
}
