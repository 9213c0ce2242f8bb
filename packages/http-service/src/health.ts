import type { FastifyInstance } from 'fastify'
import { ErrorBody, errorBody } from './error-body.ts'
import { Type } from 'typebox'

const Ok = Type.Object({ status: Type.Literal('ok', { description: 'Always `ok`.' }) })

/** `/livez`, whether the process answers, and `/readyz`, whether it should get traffic. */
export function addHealth(app: FastifyInstance, notReady: () => readonly string[] | Promise<readonly string[]>) {
  // Asked every second by whoever watches: nothing to log.
  const logLevel = 'silent'
  app.get(
    '/livez',
    {
      logLevel,
      schema: {
        tags: ['health'],
        summary: 'Whether the process answers',
        response: { 200: Ok },
      },
    },
    async () => ({
      status: 'ok',
    }),
  )
  app.get(
    '/readyz',
    {
      logLevel,
      schema: {
        tags: ['health'],
        summary: 'Whether the service should get traffic',
        response: { 200: Ok, 503: ErrorBody },
      },
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
