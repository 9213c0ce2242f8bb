import { errorBody } from '@heirloom/http-service'
import { callerOf } from '@heirloom/verifier'
import type { FastifyReply, FastifyRequest, preValidationAsyncHookHandler, onRequestHookHandler } from 'fastify'
import {
  ADMINISTRATION,
  type AdminRefusal,
  type AdminScope,
  adminScopesNow,
  refusalOfAdminToken,
} from '../../rules/administration.ts'
import type { Administrator } from '../../services/admin/admin-parts.ts'
import type { Core } from '../../services/core.ts'
import { isLive } from '../../services/sessions/sessions.ts'

const NOT_HERE = errorBody(
  'not_found',
  `The realm has no resource ${ADMINISTRATION}, so there are no calls under /admin.`,
)

/** Who called, of each request that the guards let in. */
const administrators = new WeakMap<FastifyRequest, Administrator>()

/** No token could help, so this comes before any is looked at. */
export function onlyWithResource({ realm }: Pick<Core, 'realm'>): onRequestHookHandler {
  return (_request, reply, done) => {
    if (realm.current().resources.has(ADMINISTRATION)) done()
    else void reply.code(404).send(NOT_HERE)
  }
}

/**
 * A guard that also requires the client, the session and the roles to be good now, and a token for this resource alone. Goes
 * after `requireScope`.
 */
export function administrator(core: Core, scope: AdminScope): preValidationAsyncHookHandler {
  return async (request, reply) => {
    const claims = callerOf(request)
    const { sub, sid } = claims
    let user: Parameters<typeof refusalOfAdminToken>[3] = null
    if (sid !== undefined) {
      const [session, status, now] = await Promise.all([
        core.sessions.find(sub, sid),
        core.accounts.status(sub),
        core.clock.now(),
      ])
      const isOpen = session !== null && status !== null && !status.disabled && isLive(core, session, now)
      user = { isLive: isOpen, roles: status?.roles ?? [] }
    }
    const realm = core.realm.current()
    const refused = refusalOfAdminToken(realm, claims, scope, user)
    if (refused !== null) return answerAdminRefusal(reply, refused, scope)
    // Not those of the token: who has lost a scope could use it to get it back.
    const scopes = adminScopesNow(realm, claims, user?.roles ?? null)
    administrators.set(request, { by: `${user ? 'user' : 'client'}:${sub}`, scopes })
    return undefined
  }
}

/** Who called. @throws Error for a request that the guards did not let in. */
export function administratorOf(request: FastifyRequest): Administrator {
  const caller = administrators.get(request)
  if (!caller) throw new Error('administratorOf: the guards have not let this request in.')
  return caller
}

/** RFC 6750, section 3.1. */
function answerAdminRefusal(reply: FastifyReply, refused: AdminRefusal, scope: AdminScope): FastifyReply {
  const challenge = (error: string, more: string) => reply.header('www-authenticate', `Bearer error="${error}"${more}`)
  if (refused === 'insufficient') {
    challenge('insufficient_scope', `, scope="${scope}"`).code(403)
    return reply.send(errorBody('insufficient_scope', `The client or the user may no longer have the scope ${scope}.`))
  }
  const description =
    refused === 'ended'
      ? 'The session or the client of this token is over.'
      : `The token is for several resources. Ask for one with resource=${ADMINISTRATION}.`
  challenge('invalid_token', `, error_description="${description}"`).code(401)
  return reply.send(errorBody('invalid_token', description))
}
