import cors from '@fastify/cors'
import { expect, test } from 'vitest'
import type { AppOptions } from '../src/index.ts'
import { startService } from './support/service.ts'

const ORIGIN = 'https://page.example'

const options: Partial<AppOptions> = {
  plugins: (app) => void app.register(cors, { origin: ORIGIN, allowedHeaders: ['authorization', 'content-type'] }),
  routes(app) {
    app.post('/things', async () => ({}))
  },
}

test('a page of another origin may call a service that allows it: the preflight is answered by the plugin', async () => {
  const { url } = await startService(options)
  const preflight = await fetch(`${url}/things`, {
    method: 'OPTIONS',
    headers: {
      origin: ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  })
  expect(preflight.status).toBe(204)
  expect(Object.fromEntries(preflight.headers)).toMatchObject({
    'access-control-allow-origin': ORIGIN,
    'access-control-allow-methods': 'GET,HEAD,POST',
    'access-control-allow-headers': 'authorization, content-type',
    'x-content-type-options': 'nosniff',
  })
  expect(preflight.headers.get('allow')).toBeNull()
})

test.each([
  ['its answer', 'POST', '/things', 200],
  ['why its method is wrong', 'PUT', '/things', 405],
  ['why there is nothing', 'GET', '/nothing', 404],
  ['whether the service is ready', 'GET', '/readyz', 200],
])('that page can read %s', async (_, method, path, status) => {
  const { url } = await startService(options)
  const answer = await fetch(url + path, { method, headers: { origin: ORIGIN } })
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, ORIGIN])
})

test('without the plugin a preflight allows nothing', async () => {
  const { url } = await startService({ routes: (app) => void app.post('/things', async () => ({})) })
  const { status, headers } = await fetch(`${url}/things`, { method: 'OPTIONS', headers: { origin: ORIGIN } })
  expect([status, headers.get('access-control-allow-origin')]).toEqual([404, null])
})

test('a plugin of one group of routes gets their OPTIONS, too', async () => {
  const { url } = await startService({
    async routes(app) {
      await app.register(cors, { origin: ORIGIN })
      app.post('/things', async () => ({}))
    },
  })
  const headers = { origin: ORIGIN, 'access-control-request-method': 'POST' }
  expect((await fetch(`${url}/things`, { method: 'OPTIONS', headers })).status).toBe(204)
})
