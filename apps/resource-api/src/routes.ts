import { randomUUID } from 'node:crypto'
import { type App, ErrorBody } from '@heirloom/http-service'
import { type Verifier, callerOf } from '@heirloom/verifier'
import { Type } from 'typebox'

const Report = Type.Object({ id: Type.String(), title: Type.String(), author: Type.String() })

/** Sample data: the service needs no store. */
const REPORTS = [
  { id: 'r-1', title: 'Rainfall in March', author: 'the weather station' },
  { id: 'r-2', title: 'Ships in the harbour', author: 'the harbour master' },
]

export function routes(app: App, verifier: Verifier): void {
  app.get('/api/public', { schema: { response: { 200: Type.Object({ message: Type.String() }) } } }, async () => ({
    message: 'Anyone may read this.',
  }))

  app.get(
    '/api/me',
    {
      onRequest: app.authenticate,
      schema: {
        response: {
          200: Type.Object({
            sub: Type.String(),
            client_id: Type.String(),
            session_id: Type.Optional(
              Type.String({ description: 'Absent if a client acts for itself, with no user.' }),
            ),
            scope: Type.Optional(Type.String()),
            roles: Type.Optional(Type.Array(Type.String())),
            expires_at: Type.String({ format: 'date-time' }),
          }),
        },
      },
    },
    (request) => {
      const { sub, client_id, sid, scope, roles, exp } = callerOf(request)
      return {
        sub,
        client_id,
        ...(sid !== undefined && { session_id: sid }),
        ...(scope !== undefined && { scope }),
        ...(roles !== undefined && { roles: [...roles] }),
        expires_at: new Date(exp * 1000).toISOString(),
      }
    },
  )

  app.get(
    '/api/reports',
    {
      onRequest: app.requireScope('reports:read'),
      schema: { response: { 200: Type.Object({ reports: Type.Array(Report) }) } },
    },
    async () => ({ reports: REPORTS }),
  )

  app.post(
    '/api/reports',
    {
      onRequest: app.requireScope('reports:write'),
      schema: {
        body: Type.Object({ title: Type.String({ minLength: 1, maxLength: 200 }) }),
        response: { 201: Report, 400: ErrorBody },
      },
    },
    async (request, reply) =>
      reply.code(201).send({ id: randomUUID(), title: request.body.title, author: callerOf(request).sub }),
  )

  app.get(
    '/api/admin/stats',
    {
      onRequest: app.requireRole('admin'),
      schema: {
        response: {
          200: Type.Object({
            uptime_seconds: Type.Number(),
            resident_bytes: Type.Integer(),
            tokens: Type.Object({ seen_before: Type.Integer(), verified: Type.Integer(), refused: Type.Integer() }),
          }),
        },
      },
    },
    async () => {
      const { seenBefore, verified, refused } = verifier.stats()
      return {
        uptime_seconds: process.uptime(),
        resident_bytes: process.memoryUsage.rss(),
        tokens: {
          seen_before: seenBefore,
          verified,
          refused: Object.values(refused).reduce<number>((sum, count) => sum + count, 0),
        },
      }
    },
  )
}
