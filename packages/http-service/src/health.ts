import type { FastifyInstance } from 'fastify'
import { ErrorBody, errorBody } from './error-body.ts'
import { Type } from 'typebox'

/** Adds `/livez`, whether the process answers, and `/readyz`, whether it should get traffic. */
export function addHealth(app: FastifyInstance, notReady: () => readonly string[] | Promise<readonly string[]>) {
  // A probe calls every second, so nothing is logged.
  const logLevel = 'silent'
  app.get(
    '/livez',
    {
      logLevel,
      schema: { tags: ['health'], response: { 200: Type.Object({ status: Type.Literal('ok') }) } },
    },
    async () => ({
      status: 'ok',
    }),
  )
  app.get(
    '/readyz',
    {
      logLevel,
      schema: { tags: ['health'], response: { 200: Type.Object({ status: Type.Literal('ok') }), 503: ErrorBody } },
    },
    async (_request, reply) => {
      const reasons = await notReady()
      if (reasons.length === 0) return { status: 'ok' as const }
      return reply
        .code(503)
        .header('retry-after', '1')
        .send(errorBody('not_ready', reasons.join('; ')))
    },
  )
}
