import { randomUUID } from 'node:crypto'
import type { App } from '@heirloom/service'
import { type Static, Type } from 'typebox'

const NewReport = Type.Object({
  title: Type.String({ minLength: 1, maxLength: 200 }),
  body: Type.String({ maxLength: 10_000, default: '' }),
})
const Report = Type.Object({
  id: Type.String(),
  title: Type.String(),
  body: Type.String(),
  author: Type.String({ description: 'The `sub` of the token that it was written with.' }),
})

/** This service has no store: reports live as long as the process, and only the newest ones. */
const MOST_REPORTS = 100

export function reportRoutes(app: App) {
  const reports: Static<typeof Report>[] = [
    { id: randomUUID(), title: 'A first report', body: 'It was here from the start.', author: 'resource-api' },
  ]

  app.get(
    '/api/reports',
    {
      onRequest: app.requireScope('reports:read'),
      schema: { response: { 200: Type.Object({ reports: Type.Array(Report) }) } },
    },
    async () => ({ reports }),
  )

  app.post(
    '/api/reports',
    { onRequest: app.requireScope('reports:write'), schema: { body: NewReport, response: { 201: Report } } },
    async (request, reply) => {
      const report = { id: randomUUID(), title: request.body.title, body: request.body.body, author: request.user.sub }
      reports.unshift(report)
      reports.splice(MOST_REPORTS)
      return reply.code(201).send(report)
    },
  )
}
