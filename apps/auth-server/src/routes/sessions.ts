import type { App } from '@heirloom/http-service'
import { Type } from 'typebox'
import { isUuid } from '../rules/uuid.ts'
import type { Core } from '../services/core.ts'
import { endAllSessions, endSession, liveSessions } from '../services/sessions/sessions.ts'
import { refuse } from '../services/refusal.ts'
import { answer, answerRefusal } from './answers.ts'
import { liveSession, userOf } from './live-session.ts'
import { PAGE_SIZE, SESSION_POSITION } from '../rules/inputs.ts'
import { Empty, answers } from './schemas.ts'

const MAX_IN_A_PAGE = 100

const SessionBody = Type.Object({
  id: Type.String({ format: 'uuid', description: 'The public id of the session, as in the claim `sid`.' }),
  current: Type.Boolean({ description: 'Whether it is the session of this access token.' }),
  created_at: Type.String({ format: 'date-time', description: 'When the user logged in.' }),
  last_used_at: Type.String({ format: 'date-time', description: 'The last refresh, or the login.' }),
  expires_at: Type.String({ format: 'date-time', description: 'When it ends, however often it is used.' }),
  device: Type.Union([Type.String(), Type.Null()], { description: 'The name in the login, or its `User-Agent`.' }),
  ip: Type.Union([Type.String(), Type.Null()], { description: 'The address that the login came from.' }),
})

export function sessionRoutes(app: App, core: Core): void {
  const bearer = { onRequest: [app.authenticate, liveSession(core)] }

  app.get(
    '/auth/sessions',
    {
      ...bearer,
      schema: {
        tags: ['sessions'],
        summary: 'List the live sessions of the user, newest first, one page at a time',
        querystring: Type.Object({
          limit: Type.Optional(
            Type.String({ pattern: PAGE_SIZE, description: 'How many sessions a page has: 1 to 100. Default: 100.' }),
          ),
          after: Type.Optional(Type.String({ pattern: SESSION_POSITION, description: '`next` of the previous page.' })),
        }),
        response: answers(
          {
            200: Type.Object({
              sessions: Type.Array(SessionBody, { description: 'One page of sessions.' }),
              next: Type.Optional(
                Type.String({ description: 'Present if there are more sessions: the `after` of the next page.' }),
              ),
            }),
          },
          400,
          401,
          403,
        ),
      },
    },
    async (request, reply) => {
      const { sub, sid: currentSid } = userOf(request)
      const { after: position, limit = MAX_IN_A_PAGE } = request.query
      const [time, id = ''] = position?.split('_') ?? []
      const after = time === undefined ? undefined : { createdAt: new Date(Number(time)), sid: id }
      const { sessions, next } = await liveSessions(core, sub, Number(limit), after)
      return reply.code(200).send({
        ...(next && { next: `${next.createdAt.getTime()}_${next.sid}` }),
        sessions: sessions.map(({ sid, createdAt, lastUsedAt, expiresAt, device, ip }) => ({
          id: sid,
          current: sid === currentSid,
          created_at: createdAt.toISOString(),
          last_used_at: lastUsedAt.toISOString(),
          expires_at: expiresAt.toISOString(),
          device,
          ip,
        })),
      })
    },
  )

  app.delete(
    '/auth/sessions/:id',
    {
      ...bearer,
      schema: {
        tags: ['sessions'],
        summary: 'End one of the user’s sessions',
        params: Type.Object({ id: Type.String({ description: 'The id of the session, from the list.' }) }),
        response: answers({ 204: Empty }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!isUuid(id)) return answerRefusal(reply, refuse('not_found', 'There is no such session.'))
      const result = await endSession(core, userOf(request).sub, id, 'session_ended')
      return answer(reply, result, () => reply.code(204).send(null))
    },
  )

  app.post(
    '/auth/logout/all',
    {
      ...bearer,
      schema: {
        tags: ['sessions'],
        summary: 'End all sessions of the user',
        response: answers({ 204: Empty }, 401, 403),
      },
    },
    async (request, reply) => {
      await endAllSessions(core, userOf(request).sub, 'logout_all')
      return reply.code(204).send(null)
    },
  )
}
