import Fastify, { LogController } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { AccessLog } from '../src/access-log.ts'

function logged(level: string) {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const app = Fastify({ logger: { level, stream }, logController: new LogController({ disableRequestLogging: true }) })
  const log = new AccessLog(app)
  app.get('/things/:status', async ({ params }, reply) =>
    reply.code(Number((params as { status: string }).status)).send(),
  )
  app.get('/full', async (_request, reply) => {
    log.silence(reply)
    return reply.code(503).send()
  })
  app.get('/broken', async (_request, reply) => {
    log.explain(reply, 503, 'the store is away')
    return reply.code(503).send()
  })
  onTestFinished(() => app.close())
  return { app, lines }
}

test('a refused request is one line, with the route and not the URL', async () => {
  const { app, lines } = logged('info')
  await app.inject('/things/200')
  await app.inject('/things/404?token=secret')
  const line = { msg: 'answered', method: 'GET', route: '/things/:status', status: 404, level: 30 }
  expect(lines).toEqual([expect.objectContaining(line)])
  expect(JSON.stringify(lines)).not.toContain('secret')
})

test('a flood writes 60 lines of a kind in a minute, and then their number', async () => {
  const { app, lines } = logged('info')
  for (let i = 0; i < 100; i++) await app.inject('/things/404')
  expect(lines).toHaveLength(60)
  await app.close()
  expect(lines.at(-1)).toMatchObject({ kind: 'GET /things/:status 404', more: 40 })
})

test('a reason is written once a minute, and a full server writes nothing', async () => {
  const { app, lines } = logged('info')
  for (let i = 0; i < 3; i++) await Promise.all([app.inject('/broken'), app.inject('/full')])
  expect(lines.map(({ msg, level }) => [msg, level])).toEqual([
    ['the store is away', 40],
    ['answered', 50],
  ])
})

test('at debug every request is a line', async () => {
  const { app, lines } = logged('debug')
  await app.inject('/things/200')
  await app.inject('/full')
  expect(lines.filter(({ msg }) => msg === 'answered')).toHaveLength(2)
})
