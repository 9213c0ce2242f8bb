import type { App } from '@heirloom/service'
import { callerOf } from '@heirloom/verifier'
import { Type } from 'typebox'
import type { Core } from '../services/core.ts'
import { endAllSessions, endSession, liveSessions } from '../services/sessions.ts'
import { refuse } from '../services/refusal.ts'
import { answerRefusal } from './answers.ts'
import { liveSession } from './live-session.ts'
import { Empty, answers } from './schemas.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const SessionBody = Type.Object({
  id: Type.String({ format: 'uuid' }),
  current: Type.Boolean({ description: 'The session of the token that asks.' }),
  created_at: Type.String({ format: 'date-time' }),
  last_used_at: Type.String({ format: 'date-time', description: 'The last refresh, or the login.' }),
  expires_at: Type.String({ format: 'date-time', description: 'Its end, however often it is used.' }),
  device: Type.Union([Type.String(), Type.Null()]),
  ip: Type.Union([Type.String(), Type.Null()]),
})

export function sessionRoutes(app: App, core: Core): void {
  const bearer = { onRequest: [app.authenticate, liveSession(core)] }

  app.get(
    '/auth/sessions',
    {
      ...bearer,
      schema: {
        tags: ['sessions'],
        summary: 'The live sessions of the user, newest first',
        response: answers({ 200: Type.Object({ sessions: Type.Array(SessionBody) }) }, 401),
      },
    },
    async (request) => {
      const { sub, sid: currentSid } = callerOf(request)
      const sessions = await liveSessions(core, sub)
      return {
        sessions: sessions.map(({ sid, createdAt, lastUsedAt, expiresAt, device, ip }) => ({
          id: sid,
          current: sid === currentSid,
          created_at: createdAt.toISOString(),
          last_used_at: lastUsedAt.toISOString(),
          expires_at: expiresAt.toISOString(),
          device,
          ip,
        })),
      }
    },
  )

  app.delete(
    '/auth/sessions/:id',
    {
      ...bearer,
      schema: {
        tags: ['sessions'],
        summary: 'End one of the user’s sessions',
        params: Type.Object({ id: Type.String() }),
        response: answers({ 204: Empty }, 401, 404),
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (!UUID.test(id)) return answerRefusal(reply, refuse('not_found', 'There is no such session.'))
      const result = await endSession(core, callerOf(request).sub, id, 'session_ended')
      return result.ok ? reply.code(204).send(null) : answerRefusal(reply, result)
    },
  )

  app.post(
    '/auth/logout/all',
    {
      ...bearer,
      schema: { tags: ['sessions'], summary: 'End all sessions of the user', response: answers({ 204: Empty }, 401) },
    },
    async (request, reply) => {
      await endAllSessions(core, callerOf(request).sub, 'logout_all')
      return reply.code(204).send(null)
    },
  )
}
