import { callerOf } from '@heirloom/verifier'
import type { onRequestAsyncHookHandler } from 'fastify'
import type { Core } from '../services/core.ts'
import { endOfSession } from '../services/sessions/sessions.ts'

/**
 * The auth server has the record at hand, so its own calls also ask whether the session still lives; resource services
 * wait for the access token to end instead. Goes behind `authenticate`.
 */
export function liveSession(core: Core): onRequestAsyncHookHandler {
  return async (request, reply) => {
    const { sub, sid } = callerOf(request)
    const [session, standing, now] = await Promise.all([
      core.sessions.find(sub, sid),
      core.accounts.status(sub),
      core.clock.now(),
    ])
    if (session && standing && !standing.disabled && now < endOfSession(session, core.config.refreshPolicy)) return
    const description = 'The session of this token has ended.'
    return reply
      .code(401)
      .header('www-authenticate', `Bearer error="invalid_token", error_description="${description}"`)
      .send({ error: 'invalid_token', error_description: description })
  }
}
